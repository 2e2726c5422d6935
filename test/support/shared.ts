// Third-party models and photos that tests use where they are present: ../shared beside the checkout, never part of it.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);

/** Finds a folder. @returns undefined where it does not exist */
function folder(...candidates: string[]): string | undefined {
  for (const candidate of candidates) {
    const path = fileURLToPath(new URL(candidate, root));
    if (existsSync(path)) return path;
  }
  return undefined;
}

export const sharedModelsDir = ((): string | undefined => {
  const fetched = folder('models/files/');
  if (fetched && existsSync(`${fetched}/MobileFaceNet.onnx`)) return fetched;
  return folder('../shared/models/');
})();
/** The mirror folder of the published model files. */
export const sharedFilesDir = folder('../shared/models/');
/** Espressif's embedders as they are published, in a sub-folder of the mirror. */
export const espdlDir = folder('../shared/models/accurate/');
export const facesDir = folder('../shared/faces/');
export const masksDir = folder('../shared/masks/');
export const lfwDir = folder('../shared/lfw/');
export const londonDir = folder('../shared/london/');
/** Picture files as cameras and phones make them. */
export const casesDir = folder('../shared/cases/img/');

/** Prints the reason of a skipped test and returns whether to skip; for describe.skipIf. */
export function missing(what: string, ...needed: (string | undefined)[]): boolean {
  if (needed.every((path) => path !== undefined)) return false;
  console.warn(`skipped: ${what}: the models or photos it needs are not here (../shared or models/files)`);
  return true;
}
