// Fake camera hardware: captures whose frames and faults come from the test.
import type { CaptureAddon } from '../../src/camera/capture-slot.js';
import type { CapturedFrame, CaptureOptions, CaptureState, PictureState } from '../../src/native/addon.js';

export class FakeCapture {
  readonly options: CaptureOptions;
  readonly state: CaptureState = {
    status: 'opening',
    error: '',
    frameNumber: 0,
    dropped: 0,
    damaged: 0,
    streamChanges: 0,
    widthPx: 640,
    heightPx: 480,
    fps: 30,
  };
  readonly onChange: () => void;
  isClosed = false;
  #capturedAtMs = 0;

  constructor(options: CaptureOptions, onChange: () => void) {
    this.options = options;
    this.onChange = onChange;
  }

  /** Gives a frame: a lively picture in focus that differs from the last one. @param picture measures that differ from that */
  frame(capturedAtMs: number, picture: Partial<PictureState> = {}): void {
    const { widthPx: rawWidthPx, heightPx: rawHeightPx } = this.state;
    const lively = { rawWidthPx, rawHeightPx, mean: 120, deviation: 50, sharpness: 20, timestampFaults: 0 };
    const changes = { unchangedFrames: 0, unchangedMs: 0, stillMs: 0, arrivedMs: capturedAtMs };
    const stream = { clock: 'none' as const, isInterlaced: false };
    this.state.picture = { ...lively, ...changes, ...stream, ...picture };
    this.state.status = 'running';
    this.state.frameNumber++;
    this.#capturedAtMs = capturedAtMs;
    this.onChange();
  }

  fail(error: string): void {
    this.state.status = 'failed';
    this.state.error = error;
    this.onChange();
  }

  end(): void {
    this.state.status = 'ended';
    this.onChange();
  }

  newest(after: number): CapturedFrame | undefined {
    const { frameNumber, widthPx, heightPx, streamChanges } = this.state;
    if (frameNumber <= after) return undefined;
    return {
      frameNumber,
      capturedAtMs: this.#capturedAtMs,
      widthPx,
      heightPx,
      streamChanges,
      release: () => undefined,
    };
  }
}

/** Opens any source; handles are indices of `captures`. */
export class FakeCaptures implements CaptureAddon {
  readonly captures: FakeCapture[] = [];
  /** Error that the next opening throws. */
  refusal: Error | undefined;

  get last(): FakeCapture {
    return this.find(this.captures.length - 1);
  }

  get openCount(): number {
    return this.captures.filter((capture) => !capture.isClosed).length;
  }

  /** @throws Error when there is no such capture */
  find(handle: number): FakeCapture {
    const capture = this.captures[handle];
    if (!capture) throw new Error(`there is no capture ${handle}`);
    return capture;
  }

  openCapture(options: CaptureOptions, onChange: () => void): number {
    if (this.refusal) throw this.refusal;
    return this.captures.push(new FakeCapture(options, onChange)) - 1;
  }

  captureState(handle: number): CaptureState {
    return { ...this.find(handle).state };
  }

  captureFrame(handle: number, after: number): CapturedFrame | undefined {
    return this.find(handle).newest(after);
  }

  async closeCapture(handle: number): Promise<void> {
    this.find(handle).isClosed = true;
  }
}
