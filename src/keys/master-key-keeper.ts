// Rotates the master key of a running service, and ends a rotation that was interrupted.
import { createNextMasterKey, settleMasterKey } from './master-key-rotation.js';
import type { MasterKey } from './secrets.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import { AppError } from '../errors.js';

export interface MasterKeyKeeperOptions {
  /** Starts before the keeper. */
  store: { readonly masterKey: Uint8Array; rotateMasterKey(masterKey: Uint8Array): Promise<void> };
  keysDir: string;
  /** Source of the key. */
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
    if (settled !== 'nothing') log.info({ settled }, 'a change of the master key that was interrupted has been ended');
  }

  async stop(): Promise<void> {}

  /**
   * Makes a new master key: writes it beside the old one in keysDir, seals the database under it, and replaces the old one. If the
   * process is killed in between, both keys are left, and the next start ends the rotation.
   * @throws AppError SECRET_INVALID: the key is not in keysDir, or an earlier rotation was interrupted; STORE_UNAVAILABLE
   */
  async rotate(): Promise<void> {
    const { store, keysDir, origin, log } = this.#options;
    if (origin !== 'file') {
      const where = origin === 'credential' ? 'a systemd credential' : 'LINTEL_MASTER_KEY';
      throw new AppError(
        'SECRET_INVALID',
        `the master key comes from ${where}; only a key in keysDir can be changed here`,
      );
    }
    const next = await createNextMasterKey(keysDir);
    await store.rotateMasterKey(next);
    await settleMasterKey(keysDir, next);
    log.info({}, 'the master key was changed');
  }
}
