// The decoder process: decodes one picture after the other for the worker that started it, and ends with it.
import { writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { setPriority } from 'node:os';
import { describeError } from '../errors.js';
import { PIPE_FD, createOrderReader, writeAnswerHead, writeProblem, type OrderHead } from './decoder-messages.js';
import type { DecodedPixels } from './picture-decoder.js';
import { decodeUpload } from './upload-decoder.js';

/** Niceness of the process. With 10, a camera's worker gets 90 % of a core that both want. */
const NICENESS = 10;
/**
 * Bytes of pixels from which their memory is freed when they are sent. By itself V8 waits until such memory adds up to 64 MB, which the next
 * picture would find in use.
 */
const LARGE_BYTES = 3_000_000;

yieldToTheDoor();
const pipe = new Socket({ fd: PIPE_FD });
let orders = createOrderReader();
pipe.on('data', (chunk) => {
  const order = orders.push(chunk);
  if (!order) return;
  orders = createOrderReader();
  void answer(order.head, order.body);
});
// A normal exit would wait for the picture that is being decoded.
for (const end of ['end', 'error', 'close']) pipe.on(end, () => process.kill(process.pid, 'SIGKILL'));
// Ctrl-C in a terminal goes to every process of the service; this one ends when the service has stopped.
process.on('SIGINT', () => undefined);

async function answer({ mark, task }: OrderHead, bytes: Uint8Array): Promise<void> {
  try {
    const { rgb, widthPx, heightPx } = await decode(task, bytes);
    send(writeAnswerHead({ mark, widthPx, heightPx, bodyBytes: rgb.length }), rgb);
  } catch (error) {
    const text = writeProblem(describeError(error));
    send(writeAnswerHead({ mark, widthPx: 0, heightPx: 0, bodyBytes: text.length }), text);
  }
}

async function decode(task: OrderHead['task'], bytes: Uint8Array): Promise<DecodedPixels> {
  if (task !== 'photo') return decodeUpload(bytes, task);
  // Loaded here, because libheif is not needed for anything else.
  return (await import('./photo-decoder.js')).decodePhoto(bytes);
}

function send(head: Uint8Array, body: Uint8Array): void {
  pipe.cork();
  pipe.write(head);
  pipe.write(body, () => {
    if (body.length >= LARGE_BYTES) setImmediate(() => globalThis.gc?.());
  });
  pipe.uncork();
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
