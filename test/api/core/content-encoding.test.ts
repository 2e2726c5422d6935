// Compressed bodies: read within the limits of plain ones, and refused where they are damaged, unknown or bombs.
import { randomBytes } from 'node:crypto';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { inflateBody, parseContentEncoding } from '../../../src/api/core/content-encoding.js';
import { createRequestLimits } from '../../../src/api/core/request-limits.js';
import { face, picture, startHarness, testConfig, type Answer, type Harness } from '../harness.js';

const MB = 1_000_000;

describe('Content-Encoding', () => {
  it.each([
    [undefined, undefined],
    ['', undefined],
    ['identity', undefined],
    ['gzip', 'gzip'],
    ['X-GZIP', 'gzip'],
    [' deflate ', 'deflate'],
    ['identity, gzip', 'gzip'],
  ])('%j is %s', (header, encoding) => {
    expect(parseContentEncoding(header)).toBe(encoding);
  });

  it.each([
    ['br', 'has a Content-Encoding that is not read here'],
    ['zstd', 'has a Content-Encoding that is not read here'],
    ['compress', 'has a Content-Encoding that is not read here'],
    ['base64', 'has a Content-Encoding that is not read here'],
    ['constructor', 'has a Content-Encoding that is not read here'],
    ['gzip, gzip', 'is compressed more than once'],
    ['deflate, gzip', 'is compressed more than once'],
  ])('%j is refused, and the sentence says what is read', (header, problem) => {
    expect(() => parseContentEncoding(header)).toThrow(
      expect.objectContaining({
        code: 'UNSUPPORTED_ENCODING',
        detail: `The body ${problem}; send it in gzip or deflate, or as it is without a Content-Encoding.`,
      }),
    );
  });
});

describe('inflateBody', () => {
  const plain = Buffer.from(randomBytes(200_000).toString('base64'));
  let heldBytes = 0;
  const reservation = { hold: (bytes: number) => void (heldBytes += bytes) };
  const inflate = (bytes: Buffer, encoding: 'gzip' | 'deflate', maxBytes = MB) =>
    inflateBody(bytes, encoding, { maxBytes, reservation });

  it.each<[string, 'gzip' | 'deflate', (bytes: Buffer) => Buffer]>([
    ['gzip', 'gzip', gzipSync],
    ['gzip in two members', 'gzip', (b) => Buffer.concat([gzipSync(b.subarray(0, 9)), gzipSync(b.subarray(9))])],
    ['deflate', 'deflate', deflateSync],
    ['deflate without its header', 'deflate', deflateRawSync],
  ])('reads %s', async (_name, encoding, compress) => {
    heldBytes = 0;
    const body = await inflate(compress(plain), encoding);
    expect(body?.equals(plain)).toBe(true);
    expect(body?.buffer.byteLength).toBe(plain.length);
    expect(heldBytes).toBeGreaterThanOrEqual(plain.length);
  });

  it('gives nothing for a body that is too long, and an empty one for an empty one', async () => {
    expect(await inflate(gzipSync(plain), 'gzip', plain.length)).toHaveLength(plain.length);
    expect(await inflate(gzipSync(plain), 'gzip', plain.length - 1)).toBeUndefined();
    expect(await inflate(Buffer.alloc(0), 'gzip')).toHaveLength(0);
  });

  it('stops a bomb before it holds the memory', async () => {
    const bomb = gzipSync(Buffer.alloc(100 * MB));
    heldBytes = 0;
    await expect(inflate(bomb, 'gzip', 200 * MB)).rejects.toMatchObject({
      code: 'INVALID_PARAM',
      detail: 'The body is refused: it inflates to more than 20 times its size.',
    });
    expect(heldBytes).toBeLessThan(3 * 20 * bomb.length);
    // A short body may have any ratio.
    expect(await inflate(gzipSync(Buffer.alloc(60_000)), 'gzip')).toHaveLength(60_000);
  });

  it.each<[string, 'gzip' | 'deflate', Buffer]>([
    ['that is cut short', 'gzip', gzipSync(plain).subarray(0, 100_000)],
    ['that is not gzip', 'gzip', Buffer.from('{"groupId":"door"}')],
    [
      'whose checksum is wrong',
      'gzip',
      gzipSync(plain).map((byte, i, all) => (i === all.length - 6 ? byte ^ 1 : byte)) as Buffer,
    ],
    ['that is not deflate', 'deflate', Buffer.from('{"groupId":"door"}')],
    ['of one byte', 'deflate', Buffer.from([0x78])],
  ])('refuses a body %s', async (_name, encoding, bytes) => {
    await expect(inflate(Buffer.from(bytes), encoding)).rejects.toMatchObject({
      code: 'INVALID_PARAM',
      detail: `The body is not whole and undamaged ${encoding} data, although its Content-Encoding says so.`,
    });
  });
});

describe('a request with a compressed body', () => {
  let harness: Harness;
  afterEach(() => harness.close());

  async function send(path: string, body: Buffer, encoding: string, type = 'application/json'): Promise<Answer> {
    const url = path.startsWith('/v2.0') ? path.replace('KEY', harness.appKey) : harness.base + path;
    const headers = { 'content-type': type, 'content-encoding': encoding, authorization: harness.secretKey };
    const response = await fetch(harness.origin + url, { method: 'POST', headers, body: Uint8Array.from(body) });
    expect(response.status).toBe(200);
    return (await response.json()) as Answer;
  }

  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ])('of %s is served like a plain one', async (encoding, compress) => {
    harness = await startHarness();
    expect((await send('/groups', compress(json({ groupId: 'door' })), encoding)).header.resultCode).toBe(0);
    const answer = await send('/detect', compress(json({ image: picture(face(0)) })), encoding);
    expect(answer.data).toMatchObject({ faceDetailCount: 1 });
  });

  it('may be a form in v2.0', async () => {
    harness = await startHarness();
    const file = Buffer.from(picture(face(0)).bytes, 'base64').toString('latin1');
    const form = `--X\r\ncontent-disposition: form-data; name="imageFile"; filename="a"\r\n\r\n${file}\r\n--X--\r\n`;
    const body = gzipSync(Buffer.from(form, 'latin1'));
    const answer = await send('/v2.0/appkeys/KEY/faces/detect', body, 'gzip', 'multipart/form-data; boundary=X');
    expect(answer.data).toMatchObject({ faceDetailCount: 1 });
  });

  it.each<[string, string, Buffer, number, string]>([
    ['in brotli', 'br', brotliCompressSync(json({ groupId: 'x' })), -40000, 'send it in gzip or deflate'],
    ['that is a bomb', 'gzip', gzipSync(Buffer.alloc(50 * MB, ' ')), -40000, 'more than 20 times'],
    ['that is damaged', 'gzip', Buffer.from('{"groupId":"x"}'), -40000, 'not whole and undamaged gzip data'],
    ['that is no JSON inside', 'gzip', gzipSync(Buffer.from([0xff, 0xd8, 0xff, 0xe0])), -40000, 'a JPEG file'],
  ])('%s is refused with a sentence', async (_what, encoding, body, resultCode, detail) => {
    harness = await startHarness();
    const { header } = await send('/detect', body, encoding);
    expect(header).toMatchObject({ resultCode, detail: expect.stringContaining(detail) as string });
    expect((await harness.call('GET', '/groups')).header.resultCode).toBe(0);
  });

  it('that is too long inside has the answer of a plain one', async () => {
    harness = await startHarness();
    const body = gzipSync(json({ image: { bytes: randomBytes(3.5 * MB).toString('base64') } }));
    expect((await send('/detect', body, 'gzip')).header.resultMessage).toBe('ImageTooLargeException');
    const groups = gzipSync(json({ groupId: randomBytes(60_000).toString('hex') }));
    expect((await send('/groups', groups, 'gzip')).header.detail).toMatch(/longer than 65536 bytes/);
  });

  it('counts in the budget of bytes, compressed and inflated, until it is answered', async () => {
    const requestLimits = createRequestLimits(testConfig());
    const { budget } = requestLimits;
    harness = await startHarness({ requestLimits });
    let open = (): void => undefined;
    harness.vision.gate = new Promise((resolve) => (open = resolve));
    const bytes = Buffer.concat([Buffer.from(JSON.stringify({ faces: [] })), Buffer.alloc(1_000, ' ')]);
    const padded = json({
      image: { bytes: bytes.toString('base64') },
      padding: randomBytes(40_000).toString('base64'),
    });
    const body = gzipSync(padded);
    const answer = send('/detect', body, 'gzip');
    await expect.poll(() => harness.vision.calls.length).toBe(1);
    expect(budget.stats().heldBytes).toBeGreaterThanOrEqual(body.length + padded.length);
    open();
    expect((await answer).header.resultCode).toBe(0);
    await expect.poll(() => budget.stats().heldBytes).toBe(0);
  });
});
