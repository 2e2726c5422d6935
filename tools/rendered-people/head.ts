// A person's head: built once from a seed, and drawn any number of times into pictures of RGB bytes.
import type { Box, Landmarks, Point, Pose } from '../../src/domain/face.js';
import {
  findEyeCentre,
  listMovingPatches,
  findMouthCorner,
  paintExpression,
  paintStill,
  type Expression,
} from './face-paint.js';
import { FaceTexture } from './face-texture.js';
import { buildBody } from './head-mesh.js';
import { HeadSurface } from './head-surface.js';
import { choosePerson, type Person } from './person.js';
import { mix } from './random.js';
import type { Mesh, Vector } from './mesh.js';
import {
  Canvas,
  fillMesh,
  lightVertices,
  project,
  makeRotation,
  STRIDE,
  type Lighting,
  type View,
} from './rasterise.js';

/** A picture. `rgb` is interleaved 8-bit RGB, widthPx * heightPx * 3 bytes. */
export interface Picture {
  widthPx: number;
  heightPx: number;
  rgb: Uint8Array;
}

/** True position of a rendered head in its picture, as it was drawn. */
export interface FaceTruth {
  seed: number;
  /** Box from forehead to chin and from cheek to cheek, in pixels; not clamped to the picture. */
  boxPx: Box;
  landmarksPx: Landmarks;
  pose: Pose;
}

export interface Stance {
  /** Centre of the face's box when the face looks straight ahead, in pixels. */
  centreX: number;
  centreY: number;
  /** Width of the face's box when the face looks straight ahead, in pixels. */
  facePx: number;
  pose: Pose;
  expression: Expression;
  lighting: Lighting;
  /** Samples per pixel and direction: 1 is rough, 2 smooth. */
  samples: number;
}

/** Fixed point of the rotation, between the ears. */
const PIVOT: Vector = [0, -0.12, -0.05];

/** Limits of the face's box, similar to the detector's (YuNet over 30 seeds, November 2026): rows from the forehead to the chin, angles to both sides. */
const BOX_TOP_ROW = 0.66;
const BOX_BOTTOM_ROW = -0.97;
const BOX_ANGLE = 1.15;

/** A mesh, whether it turns with the head, and memory for its lit vertices. */
interface Part {
  mesh: Mesh;
  turns: boolean;
  vertices: Float32Array;
}

/** Values that are computed once for a person. */
interface Made {
  person: Person;
  surface: HeadSurface;
  parts: readonly Part[];
  still: FaceTexture;
  /** Half the width of the box of the face that looks straight ahead, and the height of its centre, in head units. */
  halfWidth: number;
  middleY: number;
}

/** Builds a person's head, which takes some tens of milliseconds. @param seed an integer @throws TypeError */
export function buildHead(seed: number): Head {
  const person = choosePerson(seed);
  const surface = new HeadSurface(person);
  const { head, trunk } = buildBody(person, surface);
  const part = (mesh: Mesh, turns: boolean): Part => ({
    mesh,
    turns,
    vertices: new Float32Array((mesh.positions.length / 3) * STRIDE),
  });
  const at = new Float32Array(3);
  const halfWidths = [-0.4, -0.2, 0, 0.15].map((row) => {
    surface.point(surface.section(row), BOX_ANGLE, at, 0);
    return at[0]!;
  });
  return new Head({
    person,
    surface,
    parts: [...head.map((mesh) => part(mesh, true)), ...trunk.map((mesh) => part(mesh, false))],
    still: paintStill(person),
    halfWidth: Math.max(...halfWidths),
    middleY: (surface.yOfRow(BOX_TOP_ROW) + surface.yOfRow(BOX_BOTTOM_ROW)) / 2,
  });
}

/** A head, created by buildHead. It keeps some megabytes of working memory from one drawing to the next. */
export class Head {
  readonly #made: Made;
  readonly #texture = new FaceTexture();
  readonly #canvas = new Canvas();
  /** Expression that is painted on the texture. */
  #painted: Expression | undefined;

  constructor(made: Made) {
    this.#made = made;
  }

  get person(): Person {
    return this.#made.person;
  }

  /** Draws the head and the shoulders over the picture. */
  draw(onto: Picture, stance: Stance): FaceTruth {
    const { samples, pose } = stance;
    const scale = stance.facePx / (2 * this.#made.halfWidth);
    const view: View = {
      rotation: makeRotation(pose.yaw, pose.pitch, pose.roll),
      pivot: PIVOT,
      x: stance.centreX * samples,
      y: (stance.centreY + (this.#made.middleY - PIVOT[1]) * scale) * samples,
      scale: scale * samples,
    };
    const trunkView: View = { ...view, rotation: makeRotation(0.25 * pose.yaw, 0, 0.15 * pose.roll) };
    for (const part of this.#made.parts) {
      lightVertices(part.mesh, part.turns ? view : trunkView, stance.lighting, part.vertices);
    }
    const { left, top, right, bottom } = this.#bounds(onto, samples);
    if (left < right && top < bottom) {
      this.#paint(stance.expression);
      this.#canvas.reset(left * samples, top * samples, (right - left) * samples, (bottom - top) * samples);
      for (const part of this.#made.parts) fillMesh(this.#canvas, part.mesh, part.vertices, this.#texture);
      lay(this.#canvas, samples, onto);
    }
    const toPicture = (p: { x: number; y: number }): Point => ({ x: p.x / samples, y: p.y / samples });
    return {
      seed: this.person.seed,
      pose: { ...pose },
      boxPx: this.#box(view, toPicture),
      landmarksPx: this.#landmarks(view, stance.expression, toPicture),
    };
  }

  /** Returns the pixels of the picture that the lit vertices span; `right` and `bottom` are exclusive. */
  #bounds(onto: Picture, samples: number): { left: number; top: number; right: number; bottom: number } {
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const { vertices } of this.#made.parts) {
      for (let at = 0; at < vertices.length; at += STRIDE) {
        const x = vertices[at];
        const y = vertices[at + 1];
        if (x! < x0) x0 = x!;
        if (x! > x1) x1 = x!;
        if (y! < y0) y0 = y!;
        if (y! > y1) y1 = y!;
      }
    }
    return {
      left: Math.max(0, Math.floor(x0 / samples)),
      top: Math.max(0, Math.floor(y0 / samples)),
      right: Math.min(onto.widthPx, Math.ceil(x1 / samples)),
      bottom: Math.min(onto.heightPx, Math.ceil(y1 / samples)),
    };
  }

  #paint(expression: Expression): void {
    const { blink, gazeX, gazeY, mouthOpen, smile } = expression;
    const was = this.#painted;
    if (
      was &&
      was.blink === blink &&
      was.gazeX === gazeX &&
      was.gazeY === gazeY &&
      was.mouthOpen === mouthOpen &&
      was.smile === smile
    ) {
      return;
    }
    if (!was) this.#texture.texels.set(this.#made.still.texels);
    for (const patch of listMovingPatches(this.person)) this.#texture.restore(patch, this.#made.still);
    paintExpression(this.#texture, this.person, expression);
    this.#painted = { ...expression };
  }

  #box(view: View, toPicture: (p: { x: number; y: number }) => Point): Box {
    const box: Box = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
    const at = new Float32Array(3);
    for (let step = 0; step <= 24; step++) {
      const section = this.#made.surface.section(mix(BOX_BOTTOM_ROW, BOX_TOP_ROW, step / 24));
      for (let side = -12; side <= 12; side++) {
        this.#made.surface.point(section, (side / 12) * BOX_ANGLE, at, 0);
        const { x, y } = toPicture(project(view, at[0]!, at[1]!, at[2]!));
        box.x0 = Math.min(box.x0, x);
        box.x1 = Math.max(box.x1, x);
        box.y0 = Math.min(box.y0, y);
        box.y1 = Math.max(box.y1, y);
      }
    }
    return box;
  }

  #landmarks(view: View, expression: Expression, toPicture: (p: { x: number; y: number }) => Point): Landmarks {
    const seen = (p: { x: number; y: number }): Point =>
      toPicture(project(view, ...this.#made.surface.frontPoint(p.x, p.y)));
    return [
      seen(findEyeCentre(this.person, -1)),
      seen(findEyeCentre(this.person, 1)),
      seen({ x: 0, y: this.person.nose.tipY }),
      seen(findMouthCorner(this.person, -1, expression)),
      seen(findMouthCorner(this.person, 1, expression)),
    ];
  }
}

/** Averages the samples of the canvas to pixels, converts linear light to sRGB bytes, and blends them over the picture. */
function lay(canvas: Canvas, samples: number, onto: Picture): void {
  const columns = canvas.width / samples;
  const rows = canvas.height / samples;
  const left = canvas.left / samples;
  const top = canvas.top / samples;
  const all = samples * samples;
  const { depth, colour } = canvas;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let red = 0;
      let green = 0;
      let blue = 0;
      let hits = 0;
      for (let dy = 0; dy < samples; dy++) {
        let pixel = (row * samples + dy) * canvas.width + column * samples;
        for (let dx = 0; dx < samples; dx++, pixel++) {
          if (depth[pixel] === -Infinity) continue;
          red += colour[pixel * 3]!;
          green += colour[pixel * 3 + 1]!;
          blue += colour[pixel * 3 + 2]!;
          hits++;
        }
      }
      if (hits === 0) continue;
      const cover = hits / all;
      const at = ((top + row) * onto.widthPx + left + column) * 3;
      onto.rgb[at]! += Math.round((encode(red / hits) - onto.rgb[at]!) * cover);
      onto.rgb[at + 1]! += Math.round((encode(green / hits) - onto.rgb[at + 1]!) * cover);
      onto.rgb[at + 2]! += Math.round((encode(blue / hits) - onto.rgb[at + 2]!) * cover);
    }
  }
}

/** Converts linear light (1 is white) to 0..255 by a table; bright light is compressed softly. */
function encode(light: number): number {
  const at = light * 1024;
  return at <= 0 ? 0 : at >= 2047 ? TONE[2047]! : TONE[at | 0]!;
}

const TONE: readonly number[] = Array.from({ length: 2048 }, (_, i) => {
  const light = (i + 0.5) / 1024;
  const shouldered = light < 0.7 ? light : 0.7 + 0.3 * (1 - Math.exp(-(light - 0.7) / 0.3));
  return 255 * shouldered ** (1 / 2.2);
});
