// The network that an address stands for, by which clients are counted and limited.
import { isIPv6, type Socket } from 'node:net';

/**
 * Returns the network of one host: the /64 network of an IPv6 address, because one client has all of its 2^64 addresses, and 127.0.0.1 for
 * the whole of 127.0.0.0/8, which every program of this machine has. Any other IPv4 address is returned as it is.
 */
export function findNetwork(address: string): string {
  const ipv4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (ipv4 !== undefined) return findNetwork(ipv4);
  if (!isIPv6(address)) return address.startsWith('127.') ? '127.0.0.1' : address;
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const left = head === '' ? [] : head.split(':');
  if (tail === undefined) return left.slice(0, 4).join(':');
  const right = tail === '' ? [] : tail.split(':');
  const zeroes = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  return [...left, ...zeroes, ...right].slice(0, 4).join(':');
}

/** Returns whether a host of the configuration is reached by programs of this machine alone: 127.0.0.0/8, ::1 or localhost. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Names a connection by the address and port of its client: the two sockets of a TLS connection have the same name. */
export function identifyPeer(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
