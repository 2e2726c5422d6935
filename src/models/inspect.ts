// Inspection of a model set without running it: for `lintel models list`, the doctor and the start-up check.
import { listModels, type Model, type ModelSet } from './manifest.js';
import { checkFile, type FileState } from './model-files.js';
import { inPrecision } from './precision.js';

export interface ModelStatus {
  task: Model['task'];
  file: string;
  bytes: number;
  licence: string;
  /** Repository at a commit, such as `github.com/owner/name@0123abcd`, or the script that trained it. */
  origin: string;
  state: FileState;
}

/** Checks the float file of each model of a set. @param dir folder of the model files */
export async function inspectSet(dir: string, set: ModelSet): Promise<ModelStatus[]> {
  return Promise.all(
    listModels(set).map(async (named) => {
      const model = inPrecision(named, 'float');
      const { task, file, bytes, licence, origin } = model;
      return {
        task,
        file,
        bytes,
        licence,
        origin:
          'trainedBy' in origin
            ? `trained by ${origin.trainedBy}`
            : `${origin.repository}@${origin.commit.slice(0, 8)}`,
        state: await checkFile(dir, model),
      };
    }),
  );
}
