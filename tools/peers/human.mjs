// Human (@vladmandic/human) with TensorFlow's WASM backend, as a process that answers requests. Argument: the peers' folder.
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { answer, requireFromPeers } from './answer.mjs';

const require = requireFromPeers();
const sharp = require('sharp');
sharp.concurrency(1);
// The package exports neither its package.json nor its folder.
const home = join(process.argv[2], 'node_modules/@vladmandic/human');
const { Human } = require(join(home, 'dist/human.node-wasm.js'));
const wasmPath = `${join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'dist')}/`;

// The build for Node with WASM fetches its models, and Node's fetch reads no files.
const { fetch } = globalThis;
globalThis.fetch = async (url, options) =>
  String(url).startsWith('file:') ? new Response(await readFile(new URL(url))) : fetch(url, options);

const off = { enabled: false };
/** Only faces, by the package's own defaults otherwise. @param isEmbedding whether to align and describe them */
function configure(isEmbedding) {
  return {
    backend: 'wasm',
    wasmPath,
    modelBasePath: `file://${join(home, 'models')}/`,
    debug: false,
    cacheSensitivity: 0,
    filter: off,
    gesture: off,
    body: off,
    hand: off,
    object: off,
    segmentation: off,
    face: {
      enabled: true,
      detector: { rotation: false, maxDetected: 20 },
      mesh: { enabled: isEmbedding },
      description: { enabled: isEmbedding },
      iris: off,
      emotion: off,
      antispoof: off,
      liveness: off,
    },
  };
}

const human = new Human(configure(true));
await human.tf.setBackend('wasm');
await human.load();
await human.tf.ready();
if (human.tf.getBackend() !== 'wasm') throw new Error(`the backend is ${human.tf.getBackend()}`);

async function find(file, isEmbedding) {
  const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const tensor = human.tf.tensor4d(data, [1, info.height, info.width, 3], 'float32');
  const { face, error } = await human.detect(tensor, configure(isEmbedding));
  human.tf.dispose(tensor);
  if (error) throw new Error(error);
  return face.map(({ box: [x, y, width, height], embedding }) => ({
    box: [x, y, x + width, y + height],
    ...(isEmbedding && { embedding }),
  }));
}

await answer({
  detect: ({ file }) => find(file, false),
  recognise: ({ file }) => find(file, true),
});
