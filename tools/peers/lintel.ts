// Lintel's pipeline and vector index as a process that answers requests like those to its peers. Arguments: the folder of the models, `float` or `int8`.
import { VectorIndex } from '../../src/gallery/vector-index.js';
import { getModelSet, loadManifest } from '../../src/models/manifest.js';
import { setInForms } from '../../src/models/precision.js';
import { loadAddon } from '../../src/native/addon.js';
import { Pipeline } from '../../src/vision/pipeline.js';
import { readFileSync } from 'node:fs';
import { answer, readVectors } from './answer.mjs';

const [modelsDir = 'models/files', precision = 'int8'] = process.argv.slice(2);
const standard = getModelSet(loadManifest(), 'standard');
const set = setInForms(standard, ({ quantised }) => (precision === 'int8' && quantised ? 'int8' : 'float'));
const pipeline = await Pipeline.open({ addon: loadAddon(), set, modelsDir, providers: ['cpu'] });
let index: VectorIndex | undefined;
let queries: Float32Array[] = [];

interface Found {
  box: number[];
  embedding?: number[];
}

async function find(file: string, embed: number): Promise<Found[]> {
  const { faces } = await pipeline.analyseImage(readFileSync(file), { embed, mask: false, liveness: false });
  return faces.map(({ boxPx: { x0, y0, x1, y1 }, embedding }) => ({
    box: [x0, y0, x1, y1],
    ...(embedding && { embedding: [...embedding] }),
  }));
}

function split(vectors: Float32Array, dimensions: number): Float32Array[] {
  const count = vectors.length / dimensions;
  return Array.from({ length: count }, (_, i) => vectors.subarray(i * dimensions, (i + 1) * dimensions));
}

await answer({
  detect: ({ file }: { file: string }) => find(file, 0),
  recognise: ({ file }: { file: string }) => find(file, 20),
  fill({ file, probes, dimensions }: { file: string; probes: string; dimensions: number }) {
    const rows = split(readVectors(file), dimensions);
    index = new VectorIndex(dimensions, { rows: rows.length });
    for (const row of rows) index.append(row);
    queries = split(readVectors(probes), dimensions);
    return index.size;
  },
  search: ({ probe, limit }: { probe: number; limit: number }) =>
    index?.search(queries[probe]!, { limit, minCosine: -1, compareTies: (a, b) => a - b }).rows,
});
