// Lists and changes the registered keys for a command: through the running service, or in the store where no service runs.
import { json } from 'node:stream/consumers';
import { dataPaths } from '../config/paths.js';
import type { Config } from '../config/schema.js';
import type { Role } from '../domain/role.js';
import { AppError } from '../errors.js';
import type { NewKey, RegisteredKey } from '../keys/key-registry.js';
import {
  KEYS_PATH,
  makeKeyRequest,
  pickKeyActions,
  REVOKE_PATH,
  type KeyActions,
  type KeyList,
} from '../keys/key-requests.js';
import { hasEntries } from '../keys/secrets.js';
import type { KeyKind } from '../keys/stored-keys.js';
import { askService } from './admin-client.js';
import type { CliContext } from './context.js';
import { withOwnStore, type OwnStoreOptions } from './own-store.js';

type Folders = Pick<Config, 'dataDir' | 'keysDir'>;
type OwnContext = Pick<CliContext, 'environment' | 'clock'>;

/**
 * Runs `work` on the keys of one kind.
 * @param options `create`: makes the store and the master key where there are none
 * @throws AppError that the service answers with; the errors of withOwnStore and of KeyRegistry
 */
export async function withKeys<T>(
  config: Folders,
  context: OwnContext,
  kind: KeyKind,
  work: (keys: KeyActions) => Promise<T>,
  options?: OwnStoreOptions,
): Promise<T> {
  const { adminSocket } = dataPaths(config);
  // A request that changes nothing shows whether a service is running.
  const listed = await askJson<KeyList>(adminSocket, 'GET', makeKeyRequest(KEYS_PATH, kind));
  if (!listed) {
    return withOwnStore(config, context, (_store, { keys }) => work(pickKeyActions(keys, kind.id)), options);
  }
  const ask = async <A extends object>(path: string, name: string, role?: Role): Promise<A> => {
    const answer = await askJson<A>(adminSocket, 'POST', makeKeyRequest(path, kind, { name, role }));
    return answer ?? Promise.reject(new AppError('STOPPED', 'the service stopped before it answered'));
  };
  return work({
    list: async () => listed,
    create: (name, role) => ask<NewKey>(KEYS_PATH, name, role),
    revoke: (name) => ask<RegisteredKey>(REVOKE_PATH, name),
  });
}

/** Lists the keys of one kind; there are none where there is no store yet. @throws AppError like withKeys */
export async function listStoredKeys(config: Folders, context: OwnContext, kind: KeyKind): Promise<KeyList> {
  const { databaseDir } = dataPaths(config);
  if (!(await hasEntries(databaseDir))) return { keys: [], ignoredFiles: [] };
  return withKeys(config, context, kind, (keys) => keys.list());
}

async function askJson<T extends object>(
  socketPath: string,
  method: 'GET' | 'POST',
  path: string,
): Promise<T | undefined> {
  const answer = await askService(socketPath, method, path);
  return answer && ((await json(answer)) as T);
}
