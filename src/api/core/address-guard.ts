// Which network addresses image.url may reach: the public internet, and what the operator admits.
import { BlockList, isIP } from 'node:net';

/** Everything of IPv4 that is not public unicast (IANA IPv4 Special-Purpose Address Registry), multicast and reserved space. */
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

/** Of IPv6 only 2000::/3 is public; the first three are all the rest: loopback, mapped IPv4, NAT64, unique local, link-local, multicast. */
const REFUSED_V6 = [
  '::/3',
  '4000::/2',
  '8000::/1',
  '2001::/23', // protocol assignments, Teredo
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4, which carries any IPv4 address
  '3fff::/20', // documentation
];

/** One list per family: node:net matches an IPv4 address against an IPv6 network as its mapped form. */
interface Networks {
  v4: BlockList;
  v6: BlockList;
}

export class AddressGuard {
  readonly #refused = networks([...REFUSED_V4, ...REFUSED_V6]);
  readonly #allowed: Networks;

  /** @param allowNetworks CIDRs that are admitted although they are not public; both forms of an address need their own */
  constructor(allowNetworks: readonly string[] = []) {
    this.#allowed = networks(allowNetworks);
  }

  /** @param address numeric; anything else is refused */
  admits(address: string): boolean {
    const [bare] = address.split('%');
    const family = isIP(bare);
    if (family === 0) return false;
    const list = family === 4 ? 'v4' : 'v6';
    const type = family === 4 ? 'ipv4' : 'ipv6';
    return this.#allowed[list].check(bare, type) || !this.#refused[list].check(bare, type);
  }
}

function networks(cidrs: readonly string[]): Networks {
  const lists = { v4: new BlockList(), v6: new BlockList() };
  for (const cidr of cidrs) {
    const [address, prefix] = cidr.split('/');
    if (isIP(address) === 4) lists.v4.addSubnet(address, Number(prefix), 'ipv4');
    else lists.v6.addSubnet(address, Number(prefix), 'ipv6');
  }
  return lists;
}
