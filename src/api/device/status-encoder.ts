// Encoder of the device API: writes answers with HTTP statuses, as JSON, bytes or a stream.
import { MS_PER_ATTEMPT } from '../core/attempt-limit.js';
import type { AnswerEncoder } from '../core/http-api.js';
import type { OpenStreams } from '../core/open-streams.js';
import type { DeviceReply } from './route.js';
import { describeRefusal } from './statuses.js';

/** Value of Retry-After, in seconds, by error code. */
const RETRY_AFTER: ReadonlyMap<string, string> = new Map([
  ['SERVER_BUSY', '1'],
  ['TOO_MANY_ATTEMPTS', String(Math.ceil(MS_PER_ATTEMPT / 1_000))],
]);

export function createStatusEncoder(streams: OpenStreams): AnswerEncoder<DeviceReply> {
  return {
    writeReply(ctx, reply) {
      if ('json' in reply) {
        ctx.status = reply.status ?? 200;
        ctx.body = reply.json;
        ctx.set({ ...reply.headers });
        return undefined;
      }
      ctx.status = 200;
      if ('bytes' in reply) {
        ctx.set({ ...reply.headers });
        ctx.body = Buffer.from(reply.bytes.buffer, reply.bytes.byteOffset, reply.bytes.byteLength);
      } else {
        // A reverse proxy must not buffer an answer whose parts are to be seen at once.
        ctx.set('x-accel-buffering', 'no');
        // The service may stop while the stream runs, and a connection that is kept alive would delay the stop.
        ctx.set('connection', 'close');
        ctx.body = reply.stream;
        streams.add(reply.stream, ctx.res);
      }
      ctx.set('content-type', reply.contentType);
      return undefined;
    },
    writeError(ctx, error, requestId) {
      const { status, body, isForeseen } = describeRefusal(error, requestId);
      ctx.status = status;
      ctx.body = body;
      const retryAfter = RETRY_AFTER.get(body.error.code);
      if (retryAfter !== undefined) ctx.set('retry-after', retryAfter);
      if (status === 401) ctx.set('www-authenticate', 'Bearer realm="lintel"');
      return { resultCode: undefined, isForeseen };
    },
  };
}
