// Renders the background behind the heads: a still, textured room with a wall, panels and things on it, all from a seed.
import { between, mix, seededRandom, smoothstep, valueNoise } from './random.js';

interface Block {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
  colour: readonly [number, number, number];
  grain: number;
}

/** Renders a background. The same seed and size give the same picture. @returns interleaved 8-bit RGB, widthPx * heightPx * 3 bytes */
export function renderBackground(seed: number, widthPx: number, heightPx: number): Uint8Array {
  const random = seededRandom(seed, 3);
  const wall = [between(random, 70, 190), between(random, 70, 190), between(random, 70, 190)];
  const mean = (wall[0]! + wall[1]! + wall[2]!) / 3;
  for (let k = 0; k < 3; k++) wall[k] = mix(mean, wall[k]!, 0.3);
  const blocks: Block[] = Array.from({ length: 5 + Math.floor(random() * 6) }, () => {
    const x0 = between(random, -0.1, 0.95);
    const y0 = between(random, -0.1, 0.9);
    const tone = between(random, 0.35, 1.35);
    return {
      x0,
      y0,
      x1: x0 + between(random, 0.06, 0.4),
      y1: y0 + between(random, 0.08, 0.6),
      colour: [
        wall[0]! * tone * between(random, 0.8, 1.2),
        wall[1]! * tone * between(random, 0.8, 1.2),
        wall[2]! * tone * between(random, 0.8, 1.2),
      ],
      grain: between(random, 4, 40),
    };
  });
  const slope = between(random, -0.35, 0.35);
  const out = new Uint8Array(widthPx * heightPx * 3);
  // Edges are soft over 1/200 of the width, because the room is out of focus.
  const soft = 0.005;
  const ratio = heightPx / widthPx;
  for (let row = 0; row < heightPx; row++) {
    const v = (row + 0.5) / heightPx;
    for (let column = 0; column < widthPx; column++) {
      const u = (column + 0.5) / widthPx;
      const rough = valueNoise(u * 5, v * 5 * ratio, seed + 1) - 0.5;
      const fine = valueNoise(u * 46, v * 46 * ratio, seed + 2) - 0.5;
      const shade = 1 + slope * (u - 0.5) + 0.22 * rough + 0.09 * fine;
      let [red, green, blue] = wall;
      for (const block of blocks) {
        if (u < block.x0 - soft || u > block.x1 + soft || v < block.y0 - soft || v > block.y1 + soft) continue;
        const cover =
          smoothstep(block.x0 - soft, block.x0 + soft, u) *
          smoothstep(block.x1 + soft, block.x1 - soft, u) *
          smoothstep(block.y0 - soft, block.y0 + soft, v) *
          smoothstep(block.y1 + soft, block.y1 - soft, v);
        const grain = 1 + 0.25 * (valueNoise(u * block.grain, v * block.grain * 3, seed + 4) - 0.5);
        red = mix(red!, block.colour[0] * grain, cover);
        green = mix(green!, block.colour[1] * grain, cover);
        blue = mix(blue!, block.colour[2] * grain, cover);
      }
      const at = (row * widthPx + column) * 3;
      out[at] = clampByte(red! * shade);
      out[at + 1] = clampByte(green! * shade);
      out[at + 2] = clampByte(blue! * shade);
    }
  }
  return out;
}

function clampByte(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : Math.round(value);
}
