// Pictures on which Lintel and its peers are compared: a person before a door, labelled portraits, and the faces of LFW's pairs.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { decodeCrop } from '../../src/cli/models/decode-crop.js';
import type { Addon } from '../../src/native/addon.js';
import { parseCondition, PictureMaker } from '../../tools/conditions/condition.js';
import { readTar, type PhotoPair } from './lfw.js';

export interface LabelledFile {
  file: string;
  person: string;
}

/** Lists the portraits of ../shared/faces/people. */
export function listPortraits(facesDir: string): LabelledFile[] {
  const people = join(facesDir, 'people');
  return readdirSync(people).flatMap((person) =>
    readdirSync(join(people, person)).map((photo) => ({ person, file: join(people, person, photo) })),
  );
}

/** Writes JPEGs of a person before a door: 640 x 480, with one face of about a third of the height. @returns one for each person */
export async function writeDoorPictures(portraits: readonly LabelledFile[], folder: string): Promise<string[]> {
  const first = portraits.filter(({ person }, i) => portraits.findIndex((one) => one.person === person) === i);
  const files: string[] = [];
  for (const { person, file } of first) {
    const face = await sharp(file).resize(240, 240).toBuffer();
    const wall = { width: 640, height: 480, channels: 3 as const, background: '#7f7a72' };
    const noise = { type: 'gaussian' as const, mean: 120, sigma: 60 };
    const path = join(folder, `door-${person}.jpg`);
    await sharp({ create: { ...wall, noise } })
      .blur(6)
      .composite([{ input: face, left: 200, top: 120 }])
      .jpeg({ quality: 85 })
      .toFile(path);
    files.push(path);
  }
  return files;
}

/** A pair of picture files of LFW. */
export interface FilePair {
  first: string;
  second: string;
  same: boolean;
}

/**
 * Writes portraits of the faces of LFW's pairs, evenly spread over the protocol: the aligned faces with surroundings, so that every library finds
 * and aligns them by itself.
 */
export async function writePairs(
  archive: string,
  pairs: readonly PhotoPair[],
  count: number,
  folder: string,
  addon: Addon,
): Promise<FilePair[]> {
  const bytesByName = new Map([...readTar(archive)].map(([path, bytes]) => [/([^/]+)\.\w+$/.exec(path)?.[1], bytes]));
  const maker = new PictureMaker(addon);
  const clear = parseCondition('clear');
  mkdirSync(folder, { recursive: true });
  const write = async (name: string): Promise<string> => {
    const path = join(folder, `${name}.png`);
    if (!existsSync(path)) {
      const crop = await decodeCrop(bytesByName.get(name)!, addon);
      writeFileSync(path, await maker.make(crop, clear, 1));
    }
    return path;
  };
  const step = Math.max(1, pairs.length / count);
  const chosen = Array.from({ length: Math.min(count, pairs.length) }, (_, i) => pairs[Math.floor(i * step)]!);
  const files: FilePair[] = [];
  for (const { first, second, same } of chosen) {
    files.push({ first: await write(first), second: await write(second), same });
  }
  return files;
}
