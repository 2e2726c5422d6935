// face-api.js (the maintained package @vladmandic/face-api) with TensorFlow's WASM backend, as a process that answers requests.
// Arguments: the peers' folder, and `ssd` or `tiny`.
import { dirname, join } from 'node:path';
import { answer, requireFromPeers } from './answer.mjs';

const require = requireFromPeers();
const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');
const sharp = require('sharp');
sharp.concurrency(1);
const home = dirname(require.resolve('@vladmandic/face-api/package.json'));
const faceapi = require(join(home, 'dist/face-api.node-wasm.js'));
wasm.setWasmPaths(`${join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'dist')}/`);
wasm.setThreadsCount(1);
await tf.setBackend('wasm');
await tf.ready();
if (tf.getBackend() !== 'wasm') throw new Error(`the backend is ${tf.getBackend()}`);

const isTiny = process.argv[3] === 'tiny';
const models = join(home, 'model');
const detector = isTiny ? faceapi.nets.tinyFaceDetector : faceapi.nets.ssdMobilenetv1;
const landmarks = isTiny ? faceapi.nets.faceLandmark68TinyNet : faceapi.nets.faceLandmark68Net;
for (const net of [detector, landmarks, faceapi.nets.faceRecognitionNet]) await net.loadFromDisk(models);
const options = isTiny ? new faceapi.TinyFaceDetectorOptions() : new faceapi.SsdMobilenetv1Options();

/** The package brings no decoder that works with this backend: the picture is decoded by sharp. */
async function readTensor(file) {
  const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return tf.tensor3d(data, [info.height, info.width, 3], 'int32');
}

await answer({
  async detect({ file }) {
    const tensor = await readTensor(file);
    const faces = await faceapi.detectAllFaces(tensor, options);
    tensor.dispose();
    return faces.map(({ box: { x, y, width, height } }) => ({ box: [x, y, x + width, y + height] }));
  },
  async recognise({ file }) {
    const tensor = await readTensor(file);
    const faces = await faceapi.detectAllFaces(tensor, options).withFaceLandmarks(isTiny).withFaceDescriptors();
    tensor.dispose();
    return faces.map(({ detection: { box }, descriptor }) => ({
      box: [box.x, box.y, box.x + box.width, box.y + box.height],
      embedding: [...descriptor],
    }));
  },
});
