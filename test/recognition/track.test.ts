// Whether a shot shows the face of a track: what the conditions of both add to their likeness does not count.
import { expect, test } from 'vitest';
import { markMasked } from '../../src/domain/bias.js';
import { Track } from '../../src/recognition/track.js';

const shot = (degrees: number, isMasked: boolean) => {
  const angle = (degrees * Math.PI) / 180;
  const bare = { recognisability: 0.7, masked: false };
  return {
    embedding: Float32Array.of(Math.cos(angle), Math.sin(angle)),
    condition: isMasked ? markMasked(bare) : bare,
    quality: 1,
  };
};

test('two masked faces need to be more alike than a masked and a bare one to pass for one face', () => {
  const track = new Track(1, 5, 0);
  track.confirm(0, shot(0, true));
  const cosine = Math.cos(Math.PI / 3);
  expect(track.compare(shot(60, false))).toBeCloseTo(cosine, 6);
  expect(track.compare(shot(60, true))).toBeLessThan(cosine - 0.1);
});
