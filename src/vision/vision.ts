// The interface of the vision room: pictures and frames in, faces out. WorkerPool implements it.
import type { EmbeddedFace } from '../domain/embedding.js';
import type { AnalysedImage, Box } from '../domain/face.js';

export interface AnalyseOptions {
  /** Most eligible faces that get an embedding, the largest first; 0 embeds none. */
  embed: number;
  /** True classifies each face as masked or bare. */
  mask: boolean;
  /** True scores the liveness of each face, where the loaded set has a model for it. */
  liveness: boolean;
  /**
   * True for a picture that is one aligned crop of a face; the detector does not run. The face has the whole picture as its box, the
   * landmarks where the alignment puts them, and the detection score 1.
   */
  aligned?: boolean;
  /** Model version of the embeddings. Default: the loaded set's. */
  modelVersion?: string;
  /** True adds to each face its aligned crop and its quality, as the faces of a frame have them. */
  crops?: boolean;
}

export interface AnalysedFrame extends AnalysedImage {
  /** Number of the frame in its capture, from 1. */
  frameNumber: number;
  /** Wall clock, milliseconds since the epoch. */
  capturedAtMs: number;
  /** Number of times that the stream of the capture had changed before this frame. */
  streamChanges: number;
  /**
   * Part of the picture that was searched, where the search was limited (FrameOptions.search): `around` the expected faces alone, or the whole
   * picture `again` because one of them was not there. Absent: the whole picture.
   */
  searched?: 'around' | 'again';
}

/** Limits of the search of a frame. */
export interface FrameSearch {
  /** Boxes in which all faces in sight are expected, in pixels of the frame. */
  around: readonly Box[];
  /** Size and stream changes of the frame that the boxes are from. A frame that differs is searched as a whole. */
  widthPx: number;
  heightPx: number;
  streamChanges: number;
}

export interface FrameOptions {
  /** Number of the last frame seen: only a newer one is analysed. 0 takes any. */
  after: number;
  mask: boolean;
  liveness: boolean;
  /** Faces whose shorter side is smaller are left out. */
  minFacePx: number;
  /** Most faces whose mask and liveness are determined. Default: three. */
  mostAttributed?: number;
  /**
   * Boxes of tracks that are decided, in pixels of the frame. A face that overlaps one gets its box, landmarks, score and pose, and nothing
   * that costs more (crop, quality, mask, liveness).
   */
  settled?: readonly Box[];
  /**
   * Boxes of faces that will not be embedded now, in pixels of the frame. The embeddings of the others may be begun while mask and liveness are
   * still being determined. Default: none is begun.
   */
  resting?: readonly Box[];
  /**
   * True allows a glance at a large frame: where it surely finds a large face, smaller ones are left to the next frame, which must not have this
   * option. Default: every frame is searched closely.
   */
  mayGlance?: boolean;
  /**
   * Limits the search to places in which faces are expected. Where one of them is missed, or they are too many, the whole picture is searched.
   * Default: the whole picture is searched.
   */
  search?: FrameSearch;
}

/** A rectangle to draw, in pixels of the frame before it is scaled. */
export interface DrawnBox {
  box: Box;
  colour: 'green' | 'red';
}

export interface EncodeOptions {
  /** Number of the last frame seen: only a newer one is encoded. 0 takes any. */
  after: number;
  /** JPEG quality, 1..100. */
  quality: number;
  /** A wider frame is scaled down to this width. 0 keeps the size. */
  maxWidthPx: number;
  boxes: readonly DrawnBox[];
}

export interface EncodedFrame {
  jpeg: Uint8Array;
  /** Size of the JPEG, after scaling. */
  widthPx: number;
  heightPx: number;
  /** Number of the frame in its capture, from 1. */
  frameNumber: number;
  /** Wall clock, milliseconds since the epoch. */
  capturedAtMs: number;
}

export interface Vision {
  /** Version of the loaded set. Embeddings of different versions are never compared. */
  readonly modelVersion: string;
  /** True where the loaded set has a liveness model. */
  readonly hasLiveness: boolean;

  /**
   * Decodes an uploaded picture (JPEG or PNG; the EXIF orientation is applied, and a side of more than 2048 px is scaled down) and analyses
   * its faces: at most 20 of at least 60 x 60 px, the largest first. The caller's buffer is not changed.
   * @param cancelled drops the job while it waits, and ends it while it runs
   * @throws AppError INVALID_IMAGE_FORMAT, INVALID_IMAGE_FILE (decoding it takes too long, too), IMAGE_TOO_LARGE, MODEL_VERSION_MISMATCH,
   * SERVER_BUSY (the queue is full, or the job took too long), STOPPED, WORKER_FAILED; the reason of `cancelled`
   */
  analyseImage(bytes: Uint8Array, options: AnalyseOptions, cancelled?: AbortSignal): Promise<AnalysedImage>;

  /**
   * Analyses the newest frame of a capture, without copying it between threads. Faces carry their aligned `crop` and no embedding.
   * @returns undefined when there is no newer frame
   * @throws AppError SERVER_BUSY, STOPPED
   */
  analyseFrame(captureHandle: number, options: FrameOptions): Promise<AnalysedFrame | undefined>;

  /**
   * Encodes the newest frame of a capture as JPEG.
   * @returns undefined when there is no newer frame
   * @throws AppError SERVER_BUSY, STOPPED
   */
  encodeFrame(captureHandle: number, options: EncodeOptions): Promise<EncodedFrame | undefined>;

  /**
   * Embeds aligned crops.
   * @param crops aligned crops as `Face.crop`: 112 x 112 px, interleaved 8-bit RGB
   * @param modelVersion model version of the embeddings; default: the loaded set's
   * @returns the embedding and the condition of each crop, in order
   * @throws AppError MODEL_VERSION_MISMATCH where no set of this version is installed or its embedder cannot be loaded; SERVER_BUSY, STOPPED
   */
  embedCrops(crops: readonly Uint8Array[], modelVersion?: string): Promise<EmbeddedFace[]>;
}
