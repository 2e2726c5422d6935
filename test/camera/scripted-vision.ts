// Scripted models: they take real frames from a capture and answer as the test says.
import type { CaptureAddon } from '../../src/camera/capture-slot.js';
import type { Face } from '../../src/domain/face.js';
import type { AnalysedFrame, EncodedFrame, EncodeOptions, FrameOptions, Vision } from '../../src/vision/vision.js';

export class ScriptedVision implements Pick<Vision, 'analyseFrame' | 'encodeFrame'> {
  readonly #addon: CaptureAddon;
  /** Called with the number of the analysis, from 1, before its frame is taken; may throw, or wait. */
  script: (analysis: number) => void | Promise<void> = () => undefined;
  makeFaces: (frameNumber: number) => Face[] = () => [];
  /** What a frame says of its search, where its search was limited. */
  searched: AnalysedFrame['searched'] = 'around';
  readonly asked: (FrameOptions & { handle: number })[] = [];
  readonly encoded: (EncodeOptions & { handle: number })[] = [];
  underWay = 0;
  mostUnderWay = 0;

  constructor(addon: CaptureAddon) {
    this.#addon = addon;
  }

  /** Returns a picture without bytes. */
  async encodeFrame(handle: number, options: EncodeOptions): Promise<EncodedFrame | undefined> {
    this.encoded.push({ handle, ...options });
    const frame = this.#addon.captureFrame(handle, options.after);
    if (!frame) return undefined;
    const { frameNumber, capturedAtMs, widthPx, heightPx } = frame;
    frame.release();
    return { jpeg: new Uint8Array(0), frameNumber, capturedAtMs, widthPx, heightPx };
  }

  async analyseFrame(handle: number, options: FrameOptions): Promise<AnalysedFrame | undefined> {
    const analysis = this.asked.push({ handle, ...options });
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
    try {
      await this.script(analysis);
      const frame = this.#addon.captureFrame(handle, options.after);
      if (!frame) return undefined;
      const { frameNumber, capturedAtMs, widthPx, heightPx, streamChanges } = frame;
      frame.release();
      const searched = options.search && this.searched;
      const faces = this.makeFaces(frameNumber);
      return { frameNumber, capturedAtMs, widthPx, heightPx, streamChanges, faces, ...(searched && { searched }) };
    } finally {
      this.underWay--;
    }
  }
}
