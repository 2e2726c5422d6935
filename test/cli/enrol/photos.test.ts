// `lintel gallery enrol` with photos as phones and scanners make them, and with people of whom there is no usable picture.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PictureResult } from '../../../src/cli/enrol/picture-result.js';
import { lacksHeicEncoder, makeHeic } from '../../support/heic.js';
import { bestModels } from '../../support/model-sets.js';
import { CLI, startService, type Service } from '../../support/service.js';
import { missing } from '../../support/shared.js';
import { tempDir } from '../../support/temp-dir.js';
import { People, writeFiles } from './pictures.js';

const left = existsSync(CLI) ? CLI : undefined;

// The command runs as its own process, from the build: the decoder process starts from there.
describe.skipIf(missing('the enrolment of photos', left))('lintel gallery enrol', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-photos-'));
  const people = new People();
  let service: Service;

  beforeAll(async () => {
    service = await startService({ folder, ...bestModels, config: { vision: { workers: 1 } } });
  });

  afterAll(async () => {
    expect(await service.stop()).toBe(0);
    rmSync(folder, { recursive: true, force: true });
  });

  async function enrol(
    group: string,
    files: Readonly<Record<string, Uint8Array | string>>,
    empty: readonly string[] = [],
  ): Promise<{ code: number; stdout: string; report: PictureResult[] }> {
    const source = join(tempDir(), 'in');
    writeFiles(source, files);
    for (const name of empty) mkdirSync(join(source, name), { recursive: true });
    const reportFile = join(source, '../report.jsonl');
    const args = ['--config', join(folder, 'lintel.yaml'), 'gallery', 'enrol', source, '--url', service.url];
    const child = spawn(process.execPath, [CLI, ...args, '--group', group, '--create', '--report', reportFile]);
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    const lines = readFileSync(reportFile, 'utf8').split('\n');
    return {
      code,
      stdout,
      report: lines.filter((line) => line !== '').map((line) => JSON.parse(line) as PictureResult),
    };
  }

  async function listEnrolled(group: string): Promise<string[]> {
    const answer = await service.call('GET', `/groups/${group}/faces?limit=200`);
    return (answer.data as { faces: { externalImageId: string }[] }).faces
      .map(({ externalImageId }) => externalImageId)
      .sort();
  }

  const portrait = (person: number): Sharp => sharp(people.portrait(person));

  it('enrols WebP, AVIF, GIF, TIFF, a JPEG that lies on its side, and files that are too large for the API', async () => {
    const noise = await portrait(5).resize(1_600).png({ compressionLevel: 0 }).toBuffer();
    expect(noise.length).toBeGreaterThan(3_000_000);
    const { code, stdout, report } = await enrol('formats', {
      'avif/1.avif': await portrait(0).avif({ quality: 80 }).toBuffer(),
      'gif/1.gif': await portrait(1).gif().toBuffer(),
      'large/1.png': noise,
      'tiff/1.tif': await portrait(2).toColourspace('rgb16').tiff().toBuffer(),
      'turned/1.webp': await portrait(3).rotate(270).withMetadata({ orientation: 6 }).webp().toBuffer(),
      // Its name is wrong, as it often is: the content decides.
      'webp/1.jpg': await portrait(4).webp().toBuffer(),
    });
    expect(report).toEqual([]);
    expect([code, stdout]).toEqual([0, '6 enrolled, 0 enrolled before, 0 refused\n']);
    expect(await listEnrolled('formats')).toEqual(['avif', 'gif', 'large', 'tiff', 'turned', 'webp']);
  });

  it.skipIf(lacksHeicEncoder('the enrolment of HEIC photos'))(
    'enrols HEIC, turned as the phone says, and mentions the video of a live photo',
    async () => {
      const png = await portrait(0).png().toBuffer();
      const onItsSide = await portrait(1).rotate(90).png().toBuffer();
      const { code, stdout } = await enrol('phones', {
        'ann/IMG_0001.HEIC': makeHeic(png),
        'ann/IMG_0001.MOV': 'a video',
        'ben/IMG_0002.heic': makeHeic(onItsSide, { quarterTurns: 1 }),
      });
      expect([code, stdout]).toEqual([0, '2 enrolled, 0 enrolled before, 0 refused, 1 videos ignored\n']);
      const found = await service.call('POST', '/groups/phones/search', {
        image: { bytes: people.portrait(1).toString('base64') },
      });
      const { matchFaces } = found.data as { matchFaces: { face: { externalImageId: string }; similarity: number }[] };
      expect(matchFaces[0]?.face.externalImageId).toBe('ben');
    },
  );

  it('names everybody of whom no face is enrolled, on the terminal and in the report, and fails', async () => {
    const heic = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1');
    const { code, stdout, report } = await enrol(
      'missing',
      {
        'ann/1.jpg': people.portrait(0),
        'broken/1.heic': heic,
        'drawn/1.bmp': Buffer.concat([Buffer.from('BM'), Buffer.alloc(60)]),
        'film/1.mov': 'a video',
        'hidden/.1.jpg': people.portrait(1),
        'nobody/1.jpg': people.scene(),
        'page/1.png': '<!doctype html><title>not found</title>',
        'sub/2019/1.jpg': people.portrait(2),
        'vector/1.jpg': '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="200"/>',
      },
      ['void'],
    );
    expect(code).toBe(1);
    expect(
      report.filter(({ outcome }) => outcome === 'not-enrolled').map(({ path, reasons }) => [path, reasons[0]?.reason]),
    ).toEqual([
      ['broken', 'all-refused'],
      ['drawn', 'all-refused'],
      ['film', 'no-picture'],
      ['hidden', 'no-picture'],
      ['nobody', 'all-refused'],
      ['page', 'all-refused'],
      ['sub', 'all-refused'],
      ['vector', 'all-refused'],
      ['void', 'no-picture'],
    ]);
    const details = Object.fromEntries(report.map(({ path, reasons }) => [path, reasons[0]?.detail]));
    expect(details['broken/1.heic']).toMatch(
      /^the HEIC picture cannot be decoded: .+; you can save it as JPEG or PNG$/,
    );
    expect(details['drawn/1.bmp']).toBe('the file is a BMP picture; save the picture as JPEG or PNG');
    expect(details['page/1.png']).toBe('the file is an HTML page; save the picture as JPEG or PNG');
    expect(details['vector/1.jpg']).toBe('the file is an SVG drawing; save the picture as JPEG or PNG');
    for (const { path } of report) expect(stdout).toContain(` ${path}: `);
    expect(stdout.split('\n').at(-2)).toBe(
      '1 enrolled, 0 enrolled before, 6 refused, 9 people without an enrolled face, 1 videos ignored, 1 other files ignored',
    );
    // Whoever was enrolled by other means is not missing.
    const again = await enrol('missing', {}, ['ann', 'void']);
    expect(again.report.map(({ path }) => path)).toEqual(['void']);
  });
});
