// hnswlib-node as a process that answers requests. Argument: the peers' folder.
import { answer, readVectors, requireFromPeers } from './answer.mjs';

const { HierarchicalNSW } = requireFromPeers()('hnswlib-node');
let index;
let queries;

await answer({
  fill({ file, probes, dimensions }) {
    const vectors = readVectors(file);
    const count = vectors.length / dimensions;
    index = new HierarchicalNSW('ip', dimensions);
    index.initIndex(count, 16, 200, 1);
    for (let i = 0; i < count; i++) index.addPoint([...vectors.subarray(i * dimensions, (i + 1) * dimensions)], i);
    index.setEf(100);
    const read = readVectors(probes);
    queries = Array.from({ length: read.length / dimensions }, (_, i) => [
      ...read.subarray(i * dimensions, (i + 1) * dimensions),
    ]);
    return count;
  },
  search: ({ probe, limit }) => index.searchKnn(queries[probe], limit).neighbors,
});
