// The documents that a NATS server trusts: claims about an operator, an account or a user, signed with the key above it (JWT, version 2).
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { encodeBase32, type Nkey } from './nkeys.js';

const HEADER = encodeJson({ typ: 'JWT', alg: 'ed25519-nkey' });

export interface Claims {
  type: 'operator' | 'account' | 'user';
  /** Public key that the claims are about. */
  subject: string;
  name: string;
  issuedAtMs: number;
  /** The server refuses it from then on; rounded up to whole seconds. */
  expiresAtMs?: number;
  /** Claims that the server reads, beside type and version: see github.com/nats-io/jwt, version 2. */
  nats: object;
}

/** Signs claims. The id is the hash of the others, so that two documents that differ have different ids: the server compares them. */
export function signClaims(signer: Nkey, { type, subject, name, issuedAtMs, expiresAtMs, nats }: Claims): string {
  const claims = {
    iat: Math.floor(issuedAtMs / 1000),
    ...(expiresAtMs === undefined ? {} : { exp: Math.ceil(expiresAtMs / 1000) }),
    iss: signer.publicKey,
    name,
    sub: subject,
    nats: { ...nats, type, version: 2 },
  };
  const jti = encodeBase32(createHash('sha512-256').update(JSON.stringify(claims)).digest());
  const body = `${HEADER}.${encodeJson({ jti, ...claims })}`;
  return `${body}.${signer.sign(Buffer.from(body)).toString('base64url')}`;
}

const claimsSchema = z.object({
  sub: z.string(),
  iss: z.string(),
  name: z.string(),
  /** Seconds since the epoch. */
  iat: z.number(),
  exp: z.number().optional(),
});

/** Reads the claims of a document without checking its signature. @throws TypeError for a text of another form; it is not named */
export function readClaims(jwt: string): z.output<typeof claimsSchema> {
  try {
    return claimsSchema.parse(JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()));
  } catch {
    throw new TypeError('not a document of a NATS server');
  }
}

function encodeJson(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
