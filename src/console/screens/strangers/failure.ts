// Words why an action on the face of a stranger did not succeed.
import { ApiError } from '../../api/client.js';
import { toApiError } from '../../api/use-fetch.js';
import type { Translate } from '../../words.js';
import type { words } from './words.js';

type Word = keyof typeof words.en;

const BY_CODE: Readonly<Record<string, Word>> = {
  NOT_FOUND: 'failGone',
  GROUP_NOT_FOUND: 'failGone',
  CAMERA_NOT_FOUND: 'failGone',
  MODEL_VERSION_MISMATCH: 'failModels',
  QUOTA_EXCEEDED: 'failFull',
};
const BY_REASON: readonly Word[] = [
  'already-enrolled-as-somebody-else',
  'id-of-somebody-else',
  'liveness-missing',
  'not-recognisable',
];

export function wordFailure(error: unknown, t: Translate<Word>): string {
  const { code, message, reason } = error instanceof ApiError ? error : toApiError(error);
  const word = BY_REASON.find((one) => one === reason) ?? BY_CODE[code] ?? 'failOther';
  return t(word, { message });
}
