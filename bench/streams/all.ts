// All kinds of stream of the bench of habits.
import type { StreamKind } from '../support/streams/kind.js';
import { changes } from './changes.js';
import { codecs } from './codecs.js';
import { network } from './network.js';
import { times } from './times.js';

export const STREAM_KINDS: readonly StreamKind[] = [...codecs, ...changes, ...network, ...times];

/** Picks kinds by their names. @throws RangeError for a name that no kind has */
export function pickKinds(names: readonly string[]): StreamKind[] {
  return names.map((name) => {
    const kind = STREAM_KINDS.find((one) => one.name === name);
    if (!kind) throw new RangeError(`there is no kind of stream "${name}"`);
    return kind;
  });
}
