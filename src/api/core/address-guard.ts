// Network addresses that an `image.url` may reach: the public internet, and the networks that the operator admits.
import { BlockList, isIP } from 'node:net';

/** IPv4 networks that are not public unicast (IANA IPv4 Special-Purpose Address Registry), multicast and reserved space. */
const REFUSED_V4 = [
  '0.0.0.0/8', // this network
  '10.0.0.0/8', // private
  '100.64.0.0/10', // carrier-grade NAT
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local, cloud metadata
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relays
  '192.168.0.0/16', // private
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, broadcast
];

/** IPv6 networks that are not public: everything outside 2000::/3, and the special networks inside it. */
const REFUSED_V6 = [
  '::/3', // loopback, mapped IPv4, NAT64
  '4000::/2',
  '8000::/1', // unique local, link-local, multicast
  '2001::/23', // protocol assignments, Teredo
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4, which carries any IPv4 address
  '3fff::/20', // documentation
];

/** One list per family: node:net would match an IPv4 address against an IPv6 network in its mapped form. */
interface Networks {
  ipv4: BlockList;
  ipv6: BlockList;
}

export class AddressGuard {
  readonly #refused = parseNetworks([...REFUSED_V4, ...REFUSED_V6]);
  readonly #allowed: Networks;

  /** @param allowNetworks CIDRs that are admitted although they are not public; IPv4 and its mapped form in IPv6 need one each */
  constructor(allowNetworks: readonly string[] = []) {
    this.#allowed = parseNetworks(allowNetworks);
  }

  /** @param address numeric address, with or without a zone; anything else is refused */
  admits(address: string): boolean {
    const bare = address.replace(/%.*$/, '');
    const version = isIP(bare);
    if (version === 0) return false;
    const family = version === 4 ? 'ipv4' : 'ipv6';
    return this.#allowed[family].check(bare, family) || !this.#refused[family].check(bare, family);
  }
}

/** @param cidrs texts that have been checked to be CIDRs */
function parseNetworks(cidrs: readonly string[]): Networks {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const cidr of cidrs) {
    const [address = '', prefix] = cidr.split('/');
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
    lists[family].addSubnet(address, Number(prefix), family);
  }
  return lists;
}
