// What the vision room offers the others: pictures and frames in, faces out, in worker threads behind one bounded queue.
import type { AnalysedImage, Box } from '../domain/face.js';

export interface AnalyseOptions {
  /** Which eligible faces get an embedding, at most this many, largest first. 0: none. */
  embed: number;
  mask: boolean;
  liveness: boolean;
  /**
   * The picture is one aligned crop of a face: nothing is detected. Its one face has the whole picture as its box, the landmarks
   * where an alignment puts them, and the detection score 1.
   */
  aligned?: boolean;
  /** Of the embeddings; that of the loaded set where it is not given. */
  modelVersion?: string;
}

export interface AnalysedFrame extends AnalysedImage {
  frameNumber: number;
  capturedAtMs: number;
}

export interface FrameOptions {
  /** Only a frame newer than this one. */
  after: number;
  mask: boolean;
  liveness: boolean;
  /** Faces whose shorter side is less are left out. */
  minFacePx: number;
  /**
   * Boxes of tracks that are decided: a face there gets box, landmarks, score and pose, and nothing that costs more (crop, quality,
   * mask, liveness).
   */
  settled?: readonly Box[];
}

/** A rectangle to draw, in pixels of the frame, before it is scaled. */
export interface DrawnBox {
  box: Box;
  colour: 'green' | 'red';
}

export interface EncodeOptions {
  /** Only a frame newer than this one. */
  after: number;
  /** 1..100 */
  quality: number;
  /** Scaled down to it; 0 leaves the size. */
  maxWidthPx: number;
  boxes: readonly DrawnBox[];
}

export interface EncodedFrame {
  jpeg: Uint8Array;
  /** After scaling. */
  widthPx: number;
  heightPx: number;
  frameNumber: number;
  capturedAtMs: number;
}

export interface Vision {
  /** Of the loaded set; embeddings of different versions never meet. */
  readonly modelVersion: string;
  readonly hasLiveness: boolean;

  /**
   * Decodes an uploaded picture (JPEG or PNG, EXIF orientation applied, at most 2048 px) and analyses its faces: at most 20 of at
   * least 60 x 60 px, largest first.
   * @throws AppError INVALID_IMAGE_FORMAT, INVALID_IMAGE_FILE, IMAGE_TOO_LARGE; MODEL_VERSION_MISMATCH; SERVER_BUSY when the queue is
   * full; STOPPED
   */
  analyseImage(bytes: Uint8Array, options: AnalyseOptions): Promise<AnalysedImage>;

  /**
   * Analyses a capture's newest frame where it lies; faces carry their aligned `crop`, no embedding.
   * @returns undefined when there is no newer frame
   */
  analyseFrame(captureHandle: number, options: FrameOptions): Promise<AnalysedFrame | undefined>;

  /** A capture's newest frame as JPEG. @returns undefined when there is no newer frame */
  encodeFrame(captureHandle: number, options: EncodeOptions): Promise<EncodedFrame | undefined>;

  /**
   * @param crops aligned crops as `Face.crop`
   * @param modelVersion of the embeddings; that of the loaded set where it is not given
   * @returns one embedding each, in order
   * @throws AppError MODEL_VERSION_MISMATCH where no set of this version is installed, or its embedder cannot be loaded
   */
  embedCrops(crops: readonly Uint8Array[], modelVersion?: string): Promise<Float32Array[]>;
}
