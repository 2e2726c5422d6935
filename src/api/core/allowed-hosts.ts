// Host names under which the service answers. A web page that has its own name point to this device (DNS rebinding) reads nothing.
import { isIP } from 'node:net';

/** Endings of names that belong to this machine or its network: no page of the internet has such a name. */
const LOCAL_ENDINGS = ['.localhost', '.local'];

export class AllowedHosts {
  readonly #names = new Set<string>(['localhost']);
  readonly #endings: string[] = [...LOCAL_ENDINGS];
  #allowsAll = false;

  /** @param names host names; `*.example.org` stands for all names below example.org, and `*` for every name */
  constructor(names: readonly string[]) {
    for (const name of names.map(normalise)) {
      if (name === '*') this.#allowsAll = true;
      else if (name.startsWith('*.')) this.#endings.push(name.slice(1));
      else if (name !== '') this.#names.add(name);
    }
  }

  /**
   * Tells whether a request for this host is served. Addresses always are, because only a name can be made to point elsewhere; so is a
   * request without a host, which no browser sends.
   * @param authority name or address, with or without a port
   */
  allows(authority: string | undefined): boolean {
    if (this.#allowsAll || authority === undefined || authority === '') return true;
    const host = normalise(authority.replace(/:\d*$/, ''));
    if (isIP(host.replace(/^\[(.*)\]$/, '$1')) !== 0) return true;
    return this.#names.has(host) || this.#endings.some((ending) => host.endsWith(ending));
  }
}

/** Returns the host that a request asks for: that of its target, where it is a whole URL, or its Host header. */
export function readRequestHost(target: string, header: string | undefined): string | undefined {
  return /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(target)?.[1]?.replace(/^.*@/, '') ?? header;
}

function normalise(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
