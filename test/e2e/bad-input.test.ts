// A running service answers bad input with the documented error, and continues to work.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bestModels } from '../support/model-sets.js';
import { toImage, startService, type Service } from '../support/service.js';
import { freePort } from '../support/free-port.js';

interface HealthReport {
  status: string;
  parts: Record<string, { status: string; detail?: string }>;
}

describe('a running service', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-bad-'));
  let service: Service;
  let jpeg: Buffer;

  beforeAll(async () => {
    jpeg = await sharp({ create: { width: 320, height: 240, channels: 3, background: '#8899aa' } })
      .composite([{ input: await noise(320, 240) }])
      .jpeg()
      .toBuffer();
    writeFileSync(join(folder, 'broken.mp4'), Buffer.from('this is no video at all, '.repeat(400)));
    service = await startService({
      folder,
      ...bestModels,
      config: {
        vision: { workers: 1 },
        mqtt: { url: `mqtt://127.0.0.1:${await freePort()}` },
        cameras: [
          { id: 'broken', group: 'door', source: { type: 'file', path: 'broken.mp4' } },
          { id: 'absent', group: 'door', source: { type: 'device', path: '/dev/video99' } },
        ],
      },
    });
  });

  afterAll(async () => {
    expect(await service.stop()).toBe(0);
    rmSync(folder, { recursive: true, force: true });
  });

  const noise = (width: number, height: number): Promise<Buffer> => {
    let state = 1;
    const data = Uint8Array.from({ length: width * height * 3 }, () => (state = (state * 48271) % 2147483647) & 255);
    return sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer();
  };

  it.each<[string, () => unknown, number, string]>([
    ['an empty body', () => '', -40000, 'InvalidParam'],
    ['a body that is no JSON', () => '{"image":', -40000, 'InvalidParam'],
    ['a body that is no object', () => '[1]', -40000, 'InvalidParam'],
    ['no image', () => ({}), -40000, 'InvalidParam'],
    ['a body of 10 MB', () => ({ image: { bytes: 'A'.repeat(10_000_000) } }), -45020, 'ImageTooLargeException'],
    ['no base64', () => ({ image: { bytes: '***' } }), -45030, 'InvalidImageBytesException'],
    ['empty bytes', () => ({ image: { bytes: '' } }), -45030, 'InvalidImageBytesException'],
    [
      'a text file',
      () => ({ image: toImage(Buffer.from('Dear Sir or Madam, '.repeat(50))) }),
      -45040,
      'InvalidImageFormatException',
    ],
    ['half a JPEG', () => ({ image: toImage(jpeg.subarray(0, jpeg.length / 2)) }), -45080, 'InvalidImageFileException'],
    ['a refused url', () => ({ image: { url: 'http://127.0.0.1/x.jpg' } }), -45050, 'InvalidImageURLException'],
  ])('answers %s with its code, and continues to work', async (_name, body, code, name) => {
    const answer = await service.call('POST', '/detect', body());
    expect(answer.header).toMatchObject({ isSuccessful: false, resultCode: code, resultMessage: name });
    expect(answer.data).toBeUndefined();
    const next = await service.call('POST', '/detect', { image: toImage(jpeg) });
    expect(next.header).toMatchObject({ isSuccessful: true, resultCode: 0, resultMessage: 'Success' });
    expect(next.data).toEqual({ faceDetailCount: 0, faceDetails: [] });
  });

  it('reports a broken video, a missing camera and a broker that refuses, and still answers REST requests', async () => {
    const report = async (): Promise<HealthReport> =>
      (await (await fetch(`${service.url}/healthz`)).json()) as HealthReport;
    await expect
      .poll(async () => Object.fromEntries(Object.entries((await report()).parts).map(([k, v]) => [k, v.status])), {
        timeout: 20_000,
      })
      .toMatchObject({ 'camera:broken': 'failed', 'camera:absent': 'failed', events: 'degraded' });
    const { parts } = await report();
    expect(parts['camera:broken']!.detail).toMatch(/./);
    expect(parts['camera:absent']!.detail).toMatch(/does not exist/);
    expect(parts.events!.detail).toMatch(/ECONNREFUSED|refused/);
    expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
    expect((await service.call('GET', '/groups')).header.resultCode).toBe(0);
  });
});
