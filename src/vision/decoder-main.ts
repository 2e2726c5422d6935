// The decoder process: decodes one picture after the other for the worker that started it, and ends with it.
import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { describeError } from '../errors.js';
import type { DecoderAnswer, DecoderOrder } from './decoder-process.js';
import type { DecodedPixels } from './picture-decoder.js';
import { decodeBySharp } from './sharp-decoder.js';

/** Niceness of the process. With 10, a camera's worker gets 90 % of a core that both want. */
const NICENESS = 10;

yieldToTheDoor();
process.on('message', (order: DecoderOrder) => {
  void decode(order).then(
    ({ rgb, widthPx, heightPx }) => answer({ rgb, widthPx, heightPx }),
    (error: unknown) => answer({ problem: describeError(error) }),
  );
});
// A normal exit would wait for the picture that is being decoded.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// Ctrl-C in a terminal goes to every process of the service; this one ends when the service has stopped.
process.on('SIGINT', () => undefined);

async function decode(order: DecoderOrder): Promise<DecodedPixels> {
  if (!('isPhoto' in order)) return decodeBySharp(order.bytes, order.failOn);
  // Loaded here, because the addon with its libraries is not needed for anything else.
  return (await import('./photo-decoder.js')).decodePhoto(order.bytes);
}

function answer(message: DecoderAnswer): void {
  process.send?.(message);
}

/** Lets cameras and doors have the processor first, and lets the kernel end this process first where memory runs out. */
function yieldToTheDoor(): void {
  for (const step of [() => setPriority(NICENESS), () => writeFileSync('/proc/self/oom_score_adj', '1000')]) {
    try {
      step();
    } catch {
      // A filter of system calls may forbid it, and other systems have no such file: then the process competes like any other.
    }
  }
}
