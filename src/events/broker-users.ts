// The users of the embedded broker: their names and passwords.
import { createHash, timingSafeEqual } from 'node:crypto';

export class BrokerUsers {
  /** SHA-256 of each password, by the name of the user. */
  readonly #digests: ReadonlyMap<string, Buffer>;

  /** @param passwords by the name of the user; with an empty map, clients have no users */
  constructor(passwords: ReadonlyMap<string, string>) {
    this.#digests = new Map([...passwords].map(([name, password]) => [name, computeDigest(password)]));
  }

  get count(): number {
    return this.#digests.size;
  }

  /** @returns the name of the user; undefined for an unknown name and for a wrong password */
  authenticate(name: string | undefined, password: Buffer | undefined): string | undefined {
    // An unknown name takes the same time as a wrong password.
    const expected = this.#digests.get(name ?? '') ?? computeDigest('');
    const isRight = timingSafeEqual(computeDigest(password ?? ''), expected);
    return isRight && name !== undefined && this.#digests.has(name) ? name : undefined;
  }
}

function computeDigest(text: string | Buffer): Buffer {
  return createHash('sha256').update(text).digest();
}
