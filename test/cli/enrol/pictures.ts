// Pictures of rendered people for enrolments, each rendered once.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { encodePicture } from '../../../tools/rendered-people/clip-file.js';
import { renderPortrait } from '../../../tools/rendered-people/demo-clip.js';
import { DISTINCT_SEEDS } from '../../../tools/rendered-people/distinct-seeds.js';
import { renderScene, type FaceOptions } from '../../../tools/rendered-people/render-face.js';
import { loadAddon } from '../../../src/native/addon.js';

/** A size that is fast to render, and large enough for a face without doubts. */
const ORDINARY: FaceOptions = { widthPx: 280, heightPx: 320, facePx: 150, centreX: 140, centreY: 160, samples: 1 };

/**
 * Seven heads that the embedder tells apart. They are taken from the end of the list, because the mask model takes the mouth of an earlier
 * head for a mask.
 */
const SEEDS = DISTINCT_SEEDS.toReversed().slice(0, 7);

function getSeed(person: number): (typeof SEEDS)[number] {
  const seed = SEEDS[person];
  if (seed === undefined) throw new RangeError(`there are ${SEEDS.length} people, and no person ${person}`);
  return seed;
}

export class People {
  readonly #addon = loadAddon();
  readonly #rendered = new Map<string, Buffer>();

  /** @param person number of the person, 0..6 @returns a JPEG */
  portrait(person: number, options: FaceOptions = {}): Buffer {
    return this.#once(`portrait ${person} ${JSON.stringify(options)}`, () =>
      renderPortrait(getSeed(person), { ...ORDINARY, ...options }),
    );
  }

  /** @returns another picture of the same person */
  again(person: number): Buffer {
    return this.portrait(person, { pose: { yaw: 10, pitch: 4 }, background: 7, facePx: 140 });
  }

  /** @returns one picture of two people, or of nobody */
  scene(...people: number[]): Buffer {
    return this.#once(`scene ${people.join()}`, () =>
      renderScene({
        widthPx: 420,
        heightPx: 260,
        samples: 1,
        heads: people.map((person, i) => ({
          head: getSeed(person),
          centreX: 110 + 200 * i,
          centreY: 130,
          facePx: 110,
        })),
      }),
    );
  }

  #once(name: string, render: () => Parameters<typeof encodePicture>[0]): Buffer {
    let bytes = this.#rendered.get(name);
    if (!bytes) this.#rendered.set(name, (bytes = encodePicture(render(), this.#addon, 95)));
    return bytes;
  }
}

/** Writes files into a folder, and creates the folders between. */
export function writeFiles(root: string, files: Readonly<Record<string, Uint8Array | string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
}
