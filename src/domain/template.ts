// What faces are compared by: the embedding of one face, or the mean of several.
import type { EmbeddedFace } from './embedding.js';

/** One side of a comparison. */
export interface Template extends EmbeddedFace {
  /** True for the mean of several faces. */
  isMean?: boolean;
}
