// Sends requests to the target, and checks each answer against the rules of the contract for all answers.
import { RESULT_NAMES } from './results.js';

export type DialectName = 'v1.0' | 'v2.0';

export interface Ask {
  method: string;
  /** Path with query, relative to the base of the dialect, or to the root of the target if `fromRoot` is set. */
  path: string;
  fromRoot?: boolean;
  dialect?: DialectName | undefined;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is, in place of `body`. */
  raw?: string | Uint8Array<ArrayBuffer>;
  /** Sent as multipart/form-data, in place of `body`. */
  form?: FormData;
  headers?: Record<string, string>;
  /** appKey to use in place of the target's, as it stands in the path. */
  appKey?: string | undefined;
  /** Secret key to use in place of the target's; null sends no Authorization header. */
  secretKey?: string | null | undefined;
}

export interface FaceDetail {
  bbox: { x0: number; y0: number; x1: number; y1: number };
  landmarks: { type: string; x: number; y: number }[];
  orientation?: { x: number; y: number; z: number };
  mask?: boolean;
  spoofing?: boolean;
  confidence: number;
}

export interface EnrolledFace {
  bbox: FaceDetail['bbox'];
  faceId: string;
  imageId: string;
  externalImageId?: string;
  confidence: number;
}

/** All fields that the data of an answer may have. A case checks with a shape (shapes.ts) which of them are present before it reads them. */
export interface Data {
  groupCount: number;
  groups: { groupId: string; modelVersion: string; createTime: string; faceCount: number }[];
  groupId: string;
  createTime: string;
  nextToken?: string;
  faceDetailCount: number;
  faceDetails: FaceDetail[];
  modelVersion: string;
  addedFaceCount: number;
  addedFaces: EnrolledFace[];
  addedFaceDetails: FaceDetail[];
  notAddedFaceCount: number;
  notAddedFaces: FaceDetail[];
  faceCount: number;
  faces: EnrolledFace[];
  matchFaceCount: number;
  matchFaces: { face: EnrolledFace; similarity: number }[];
  matchedFaceDetailCount: number;
  matchedFaceDetails: { faceDetail: FaceDetail; mask?: boolean; similarity: number }[];
  unmatchedFaceDetailCount: number;
  unmatchedFaceDetails: { faceDetail: FaceDetail; mask?: boolean; similarity: number }[];
  sourceFace?: FaceDetail;
  similarity: number;
  face: EnrolledFace;
}

export interface Reply {
  status: number;
  headers: Headers;
  text: string;
  code: number | undefined;
  message: string | undefined;
  detail: string | undefined;
  data: Data | undefined;
}

/** Last request and its answer, for the report of a failed case. */
export interface Exchange {
  asked: string;
  received: string;
}

/** The target does not keep the contract. The message says what was expected. */
export class Unfit extends Error {
  override readonly name = 'Unfit';
}

export interface ClientOptions {
  /** Base URL of the target, such as `http://127.0.0.1:8080`. */
  url: string;
  appKey: string;
  secretKey?: string | undefined;
  timeoutMs?: number;
}

export class Client {
  readonly #options: ClientOptions;
  /** Groups that were created and not deleted, each with the request that deletes it. */
  readonly #made = new Map<string, Ask>();
  readonly #kept = new Set<string>();
  last: Exchange | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Sends a request. @throws Unfit when there is no answer, or when the answer breaks a rule for all answers */
  async ask(ask: Ask): Promise<Reply> {
    const dialect = ask.dialect ?? 'v1.0';
    const appKey = ask.appKey ?? this.#options.appKey;
    const base = dialect === 'v1.0' ? `/nhn-face-reco/v1.0/appkeys/${appKey}` : `/v2.0/appkeys/${appKey}`;
    const secretKey = ask.secretKey === undefined ? this.#options.secretKey : ask.secretKey;
    const headers: Record<string, string> = {};
    if (dialect === 'v2.0' && typeof secretKey === 'string') headers.authorization = secretKey;
    if (ask.form === undefined && (ask.body !== undefined || ask.raw !== undefined)) {
      headers['content-type'] = 'application/json;charset=UTF-8';
    }
    const body = ask.form ?? ask.raw ?? (ask.body === undefined ? undefined : JSON.stringify(ask.body));
    this.last = { asked: this.#describe(ask, dialect), received: 'nothing' };
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.#options.url + (ask.fromRoot ? '' : base) + ask.path, {
        method: ask.method,
        headers: { ...headers, ...ask.headers },
        ...(body === undefined ? {} : { body }),
        redirect: 'manual',
        signal: AbortSignal.timeout(this.#options.timeoutMs ?? 30_000),
      });
      text = await response.text();
    } catch (error) {
      this.last.received = `no answer (${describeReason(error)})`;
      throw new Unfit('an answer');
    }
    const { status } = response;
    this.last.received = `HTTP ${status} ${shortened(text)}`;
    const reply: Reply = {
      status,
      headers: response.headers,
      text,
      code: undefined,
      message: undefined,
      detail: undefined,
      data: undefined,
    };
    if (status === 200 && !ask.fromRoot) readEnvelope(reply, appKey, secretKey);
    if (reply.code === 0) this.#follow(ask);
    return reply;
  }

  /** Keeps the groups that exist now until the end of the run. */
  keep(): void {
    for (const name of this.#made.keys()) this.#kept.add(name);
  }

  /** Deletes the groups that the cases left; at the end also the kept ones. @returns the groups that could not be deleted */
  async cleanUp(atTheEnd = false): Promise<string[]> {
    const left: string[] = [];
    const { last } = this;
    for (const [name, ask] of [...this.#made]) {
      if (!atTheEnd && this.#kept.has(name)) continue;
      this.#made.delete(name);
      try {
        const { code } = await this.ask(ask);
        if (code !== 0 && code !== -40030) left.push(name);
      } catch {
        left.push(name);
      }
    }
    this.last = last;
    return left.map((name) => name.split(' ')[0]!);
  }

  #follow(ask: Ask): void {
    const { dialect, appKey, secretKey } = ask;
    const key = (groupId: string): string => `${groupId} ${appKey ?? ''}`;
    if (ask.method === 'POST' && ask.path === '/groups') {
      const { groupId } = ask.body as { groupId: string };
      this.#made.set(key(groupId), { method: 'DELETE', path: `/groups/${groupId}`, dialect, appKey, secretKey });
    }
    const deleted = /^\/groups\/([a-z0-9-]+)$/.exec(ask.path);
    if (ask.method === 'DELETE' && deleted) this.#made.delete(key(deleted[1]!));
  }

  #describe(ask: Ask, dialect: DialectName): string {
    const key = ask.appKey === undefined ? '' : ' with another appKey';
    const secret = ask.secretKey === undefined ? '' : ' with another secret key';
    const where = ask.fromRoot ? ask.path : `${dialect} ${ask.path}`;
    return `${ask.method} ${where}${key}${secret} ${this.#describeBody(ask)}`.trimEnd();
  }

  #describeBody({ body, raw, form }: Ask): string {
    if (form) {
      return [...form].map(([name, value]) => `${name}=${typeof value === 'string' ? value : 'a file'}`).join('&');
    }
    if (raw !== undefined) return typeof raw === 'string' ? shortened(raw) : `${raw.length} bytes`;
    return body === undefined ? '' : shortened(JSON.stringify(body, (_key, value: unknown) => shortString(value)));
  }
}

function describeReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

function shortString(value: unknown): unknown {
  if (typeof value !== 'string' || value.length <= 80) return value;
  return `${value.slice(0, 40)}… (${value.length} characters)`;
}

function shortened(text: string): string {
  return text.length <= 1_200 ? text : `${text.slice(0, 1_200)}… (${text.length} characters)`;
}

/** Checks the envelope of an answer and fills in the reply. @throws Unfit */
function readEnvelope(reply: Reply, appKey: string, secretKey: string | null | undefined): void {
  const type = reply.headers.get('content-type') ?? 'none';
  if (!/^application\/json\b/i.test(type)) throw new Unfit(`content-type application/json, not ${type}`);
  let value: unknown;
  try {
    value = JSON.parse(reply.text);
  } catch {
    throw new Unfit('an answer in JSON');
  }
  const { header, data, ...rest } = value as { header?: Record<string, unknown>; data?: unknown };
  if (typeof header !== 'object' || header === null) throw new Unfit('an answer with a header');
  if (Object.keys(rest).length > 0) throw new Unfit('an answer of header and data and nothing else');
  const { isSuccessful, resultCode, resultMessage, detail, ...more } = header;
  if (typeof resultCode !== 'number') throw new Unfit('a resultCode that is a number');
  const name = RESULT_NAMES.get(resultCode);
  if (name === undefined) throw new Unfit(`a resultCode of the contract's table`);
  const plain = typeof resultMessage === 'string' ? resultMessage.replace(/:(Source|Target)$/, '') : undefined;
  if (plain !== name) throw new Unfit(`resultMessage ${name} beside resultCode ${resultCode}`);
  if (resultMessage !== name && !(resultCode <= -45000 && resultCode > -46000)) {
    throw new Unfit('a side after the name only where the code is of a picture');
  }
  if (isSuccessful !== resultCode >= 0) throw new Unfit(`isSuccessful ${resultCode >= 0} beside ${resultCode}`);
  if (Object.keys(more).length > 0) throw new Unfit('a header of isSuccessful, resultCode, resultMessage and detail');
  if (detail !== undefined && (typeof detail !== 'string' || detail === '' || /\n|\bat .*:\d+:\d+/.test(detail))) {
    throw new Unfit('a detail that is one sentence');
  }
  for (const secret of [appKey, secretKey]) {
    if (typeof secret === 'string' && secret.length >= 16 && reply.text.includes(secret)) {
      throw new Unfit('an answer without a key in it');
    }
  }
  if (resultCode < 0 && data !== undefined) throw new Unfit('no data beside an error');
  reply.code = resultCode;
  reply.message = resultMessage as string;
  reply.detail = detail;
  reply.data = data as Data | undefined;
}
