// Pictures of rendered people for enrolments, each rendered once.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { encodePicture } from '../../../tools/rendered-people/clip-file.js';
import { renderPortrait } from '../../../tools/rendered-people/demo-clip.js';
import { DISTINCT_SEEDS } from '../../../tools/rendered-people/distinct-seeds.js';
import { renderScene, type FaceOptions } from '../../../tools/rendered-people/render-face.js';
import { loadAddon } from '../../../src/native/addon.js';

/** Small enough to be rendered fast, large enough to be beyond doubt. */
const ORDINARY: FaceOptions = { widthPx: 280, heightPx: 320, facePx: 150, centreX: 140, centreY: 160, samples: 1 };

/** Of those whom the embedder tells apart, without one whose rendered mouth is taken for a mask. */
const SEEDS = DISTINCT_SEEDS.toReversed().slice(0, 7);

export class People {
  readonly #addon = loadAddon();
  readonly #rendered = new Map<string, Buffer>();

  /** @param person 0..6 */
  portrait(person: number, options: FaceOptions = {}): Buffer {
    return this.#once(`portrait ${person} ${JSON.stringify(options)}`, () =>
      renderPortrait(SEEDS[person], { ...ORDINARY, ...options }),
    );
  }

  /** One more picture of the same person. */
  again(person: number): Buffer {
    return this.portrait(person, { pose: { yaw: 10, pitch: 4 }, background: 7, facePx: 140 });
  }

  /** Two people in one picture, or none. */
  scene(...people: number[]): Buffer {
    return this.#once(`scene ${people.join()}`, () =>
      renderScene({
        widthPx: 420,
        heightPx: 260,
        samples: 1,
        heads: people.map((person, i) => ({
          head: SEEDS[person],
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

/** Writes files into a folder, with the folders they lie in. */
export function writeFiles(root: string, files: Readonly<Record<string, Uint8Array | string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
}
