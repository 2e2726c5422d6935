// The decoder within this process, for commands and tests.
import type { PictureDecoder } from './picture-decoder.js';

/** Decodes within this process. sharp is loaded at the first picture that needs it. */
export const localDecoder: PictureDecoder = {
  decode: async (bytes, failOn) => (await import('./upload-decoder.js')).decodeUpload(bytes, failOn),
};
