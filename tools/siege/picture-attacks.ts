// Attacks by pictures: files that are slow to decode, and the slowest ones that are accepted.
import { makePictureBody, post, runClients, type Attack } from './attack.js';
import { makePictureBombs, makeSlowPictures } from './pictures.js';

/** Posts pictures that no camera makes: progressive JPEGs of many scans, PNGs whose texts fill gigabytes. */
export const pictureBombs: Attack = async (context) => {
  const bodies = makePictureBombs().map(makePictureBody);
  let next = 0;
  await runClients(context, 8, () => post(context, '/detect', bodies[next++ % bodies.length]!));
};

/** Posts the slowest pictures that are accepted, from more clients than there are workers. */
export const slowPictures: Attack = async (context) => {
  const bodies = makeSlowPictures().map(makePictureBody);
  let next = 0;
  await runClients(context, 8, () => post(context, '/detect', bodies[next++ % bodies.length]!));
};

/** Posts slow pictures and leaves at once: work for a client that has gone. */
export const leavingClients: Attack = async (context) => {
  const [body] = makeSlowPictures().map(makePictureBody);
  await runClients(context, 8, async () => {
    const leaving = new AbortController();
    const signal = AbortSignal.any([context.signal, leaving.signal]);
    setTimeout(() => leaving.abort(), 100);
    await post({ ...context, signal }, '/detect', body!);
  });
};
