// The list of all attacks by name, with what each does.
import type { Attack } from './attack.js';
import { brokerPackets, brokerPlaces, brokerStalled, brokerTakeover } from './broker-attacks.js';
import {
  connections,
  hostileJson,
  oneByteChunks,
  requestFlood,
  slowHeads,
  unfinishedBodies,
  unreadAnswers,
  wrongKeys,
} from './http-attacks.js';
import { leavingClients, pictureBombs, slowPictures } from './picture-attacks.js';

export const ATTACKS = {
  'picture-bombs': pictureBombs,
  'slow-pictures': slowPictures,
  'leaving-clients': leavingClients,
  'one-byte-chunks': oneByteChunks,
  'unfinished-bodies': unfinishedBodies,
  'hostile-json': hostileJson,
  connections,
  'slow-heads': slowHeads,
  'request-flood': requestFlood,
  'unread-answers': unreadAnswers,
  'wrong-keys': wrongKeys,
  'broker-places': brokerPlaces,
  'broker-takeover': brokerTakeover,
  'broker-stalled': brokerStalled,
  'broker-packets': brokerPackets,
} satisfies Record<string, Attack>;

export type AttackName = keyof typeof ATTACKS;
export const ATTACK_NAMES = Object.keys(ATTACKS) as AttackName[];
