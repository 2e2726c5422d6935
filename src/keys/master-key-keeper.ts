// The master key of a running service: settles a rotation that was cut off, and makes a new one.
import { createNextMasterKey, settleMasterKey } from './master-key-rotation.js';
import type { MasterKey } from './secrets.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import { AppError } from '../errors.js';

export interface MasterKeyKeeperOptions {
  /** Started before. */
  store: { readonly masterKey: Uint8Array; rotateMasterKey(masterKey: Uint8Array): Promise<void> };
  keysDir: string;
  /** Where the key came from. */
  origin: MasterKey['origin'];
  log: Log;
}

export class MasterKeyKeeper implements Part {
  readonly name = 'master-key';
  readonly #options: MasterKeyKeeperOptions;

  constructor(options: MasterKeyKeeperOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { store, keysDir, origin, log } = this.#options;
    if (origin !== 'file') return;
    const settled = await settleMasterKey(keysDir, store.masterKey);
    if (settled !== 'nothing') log.info({ settled }, 'a rotation of the master key that was cut off is settled');
  }

  async stop(): Promise<void> {}

  /**
   * A new master key: first beside the old one in keysDir, then over the database, then in the old one's place. A kill in between leaves
   * both, and the next start settles it.
   * @throws AppError SECRET_INVALID: the key is not in keysDir, or a rotation is not settled; STORE_UNAVAILABLE
   */
  async rotate(): Promise<void> {
    const { store, keysDir, origin, log } = this.#options;
    if (origin !== 'file') {
      const where = origin === 'credential' ? 'a systemd credential' : 'LINTEL_MASTER_KEY';
      throw new AppError(
        'SECRET_INVALID',
        `the master key comes from ${where}; only one in keysDir can be changed here`,
      );
    }
    const next = await createNextMasterKey(keysDir);
    await store.rotateMasterKey(next);
    await settleMasterKey(keysDir, next);
    log.info({}, 'the master key was changed');
  }
}
