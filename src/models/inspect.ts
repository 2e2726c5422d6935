// What can be said of a model set without running it: for `lintel models list`, the doctor and the start-up check.
import { modelsOf, type Model, type ModelSet } from './manifest.js';
import { fileState, type FileState } from './model-files.js';

export interface ModelStatus {
  task: Model['task'];
  file: string;
  bytes: number;
  licence: string;
  /** Repository at a commit, such as `github.com/owner/name@0123abcd`. */
  origin: string;
  state: FileState;
}

export async function inspectSet(dir: string, set: ModelSet): Promise<ModelStatus[]> {
  return Promise.all(
    modelsOf(set).map(async (model) => ({
      task: model.task,
      file: model.file,
      bytes: model.bytes,
      licence: model.licence,
      origin: `${model.origin.repository}@${model.origin.commit.slice(0, 8)}`,
      state: await fileState(dir, model),
    })),
  );
}
