// The certificates of a fleet's NATS server: a certificate authority of the fleet's own, which its doors trust alone, and one for the server.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import { isIP } from 'node:net';
import type { Clock } from '../../domain/time.js';
import { AppError } from '../../errors.js';
import type { RandomBytes } from '../../store/sealing.js';
import {
  encodeBits,
  encodeContext,
  encodeDer,
  encodeInteger,
  encodeOid,
  encodeSequence,
  encodeTime,
  TAG,
} from './der.js';

// Node makes no certificates. They are encoded here and not by the command `openssl`, which an authority need not have and which would have to
// be given the authority's key in a file; the libraries for it bring a megabyte or more of other kinds of documents.

const DAY_MS = 86_400_000;
/** A device whose clock is a little slow must not refuse a new certificate. */
const CLOCK_TOLERANCE_MS = DAY_MS;
/** Doors trust the authority for as long as they are members. */
const AUTHORITY_DAYS = 30 * 365;
/** Nobody renews certificates at a door. `lintel fleet server-config` makes a new one at any time. */
export const SERVER_DAYS = 10 * 365;
const SERIAL_BYTES = 16;
const ECDSA_SHA256 = '1.2.840.10045.4.3.2';
const COMMON_NAME = '2.5.4.3';
const SERVER_AUTHENTICATION = '1.3.6.1.5.5.7.3.1';
const EXTENSIONS = { subjectKey: '2.5.29.14', usage: '2.5.29.15', names: '2.5.29.17', constraints: '2.5.29.19' };
const AUTHORITY_KEY = '2.5.29.35';
const EXTENDED_USAGE = '2.5.29.37';
const TRUE = Buffer.from([TAG.boolean, 1, 0xff]);
const HOST = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;

/** A certificate and its private key, both PEM. */
export interface CertifiedKey {
  certificate: string;
  /** PKCS8. Secret. */
  key: string;
}

interface Making {
  now: Clock;
  randomBytes: RandomBytes;
}

/** Makes the certificate authority of a fleet: ECDSA on P-256. It signs servers, no further authorities. */
export function makeAuthorityCertificate(making: Making): CertifiedKey {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = `Lintel fleet ${making.randomBytes(4).toString('hex')}`;
  const keyId = computeKeyId(pair.publicKey);
  const extensions = [
    encodeExtension(EXTENSIONS.constraints, encodeSequence(TRUE, encodeInteger(Buffer.of(0))), true),
    // keyCertSign and cRLSign.
    encodeExtension(EXTENSIONS.usage, encodeBits(Buffer.of(0x06), 1), true),
    encodeExtension(EXTENSIONS.subjectKey, encodeDer(TAG.octets, keyId)),
  ];
  const certificate = signCertificate({
    ...{ issuer: name, subject: name, publicKey: pair.publicKey, signer: pair.privateKey },
    ...{ days: AUTHORITY_DAYS, extensions, ...making },
  });
  return { certificate, key: exportKey(pair.privateKey) };
}

/**
 * Makes the certificate of a server.
 * @param hosts names and addresses under which doors reach it @throws AppError INVALID_PARAM: no host, or one that is no name and no address
 */
export function makeServerCertificate(
  authority: CertifiedKey,
  { hosts, ...making }: Making & { hosts: readonly string[] },
): CertifiedKey {
  const [first] = hosts;
  if (first === undefined) throw new AppError('INVALID_PARAM', 'the certificate of a server needs at least one host');
  const signer = createPrivateKey(authority.key);
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const extensions = [
    encodeExtension(EXTENSIONS.constraints, encodeSequence(), true),
    // digitalSignature.
    encodeExtension(EXTENSIONS.usage, encodeBits(Buffer.of(0x80), 7), true),
    encodeExtension(EXTENDED_USAGE, encodeSequence(encodeOid(SERVER_AUTHENTICATION))),
    encodeExtension(EXTENSIONS.names, encodeSequence(...hosts.map(encodeHost))),
    encodeExtension(EXTENSIONS.subjectKey, encodeDer(TAG.octets, computeKeyId(pair.publicKey))),
    encodeExtension(AUTHORITY_KEY, encodeSequence(encodeContext(0, computeKeyId(createPublicKey(signer)), false))),
  ];
  const issuer = readCommonName(authority.certificate);
  const certificate = signCertificate({
    // A common name has at most 64 characters; who checks a name looks at the extension.
    ...{ issuer, subject: first.slice(0, 64), publicKey: pair.publicKey, signer },
    ...{ days: SERVER_DAYS, extensions, ...making },
  });
  return { certificate, key: exportKey(pair.privateKey) };
}

function signCertificate({
  issuer,
  subject,
  publicKey,
  signer,
  days,
  extensions,
  now,
  randomBytes,
}: Making & {
  issuer: string;
  subject: string;
  publicKey: KeyObject;
  signer: KeyObject;
  days: number;
  extensions: readonly Buffer[];
}): string {
  const algorithm = encodeSequence(encodeOid(ECDSA_SHA256));
  const nowMs = now();
  const content = encodeSequence(
    // Version 3.
    encodeContext(0, encodeInteger(Buffer.of(2))),
    encodeInteger(randomBytes(SERIAL_BYTES)),
    algorithm,
    encodeName(issuer),
    encodeSequence(encodeTime(nowMs - CLOCK_TOLERANCE_MS), encodeTime(nowMs + days * DAY_MS)),
    encodeName(subject),
    publicKey.export({ format: 'der', type: 'spki' }),
    encodeContext(3, encodeSequence(...extensions)),
  );
  const der = encodeSequence(content, algorithm, encodeBits(sign('sha256', content, signer)));
  const lines = der.toString('base64').match(/.{1,64}/g)!;
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function encodeName(commonName: string): Buffer {
  const attribute = encodeSequence(encodeOid(COMMON_NAME), encodeDer(TAG.utf8, Buffer.from(commonName)));
  return encodeSequence(encodeDer(TAG.set, attribute));
}

function encodeExtension(oid: string, value: Buffer, isCritical = false): Buffer {
  return encodeSequence(encodeOid(oid), ...(isCritical ? [TRUE] : []), encodeDer(TAG.octets, value));
}

/** Encodes a name or an address as a certificate names it (GeneralName). */
function encodeHost(host: string): Buffer {
  if (isIP(host) === 4) return encodeContext(7, Buffer.from(host.split('.').map(Number)), false);
  if (isIP(host) === 6) return encodeContext(7, encodeIpv6(host), false);
  if (!HOST.test(host))
    throw new AppError('INVALID_PARAM', `${JSON.stringify(host)} is no host name and no IP address`);
  return encodeContext(2, Buffer.from(host), false);
}

function encodeIpv6(address: string): Buffer {
  // The URL parser writes an IPv4 tail and a zone out; what is left are groups of hexadecimal digits and at most one `::`.
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::');
  const read = (part: string): number[] => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)));
  const [left, right] = [read(head), read(tail ?? '')];
  const groups = [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** SHA-1 of the public key's bits (RFC 5280, 4.2.1.2): a name for the key, nothing depends on its strength. */
function computeKeyId(publicKey: KeyObject): Buffer {
  const { x, y } = publicKey.export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')]);
  return createHash('sha1').update(point).digest();
}

function readCommonName(certificate: string): string {
  return new X509Certificate(certificate).subject.replace(/^CN=/, '');
}

function exportKey(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString();
}
