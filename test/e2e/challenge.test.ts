// The whole service with `liveness: challenge`: it asks over MQTT and the device API, a rendered person before a network camera answers.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodePicture } from '../../tools/rendered-people/clip-file.js';
import { renderPortrait } from '../../tools/rendered-people/demo-clip.js';
import { DISTINCT_SEEDS } from '../../tools/rendered-people/distinct-seeds.js';
import type { HeadSide } from '../../src/domain/challenge.js';
import { loadAddon } from '../../src/native/addon.js';
import { lacks, Mosquitto, Subscriber } from '../events/support.js';
import { standardModels } from '../support/model-sets.js';
import { PosingCamera } from '../support/posing-camera.js';
import { startService, toImage } from '../support/service.js';
import { missing } from '../support/shared.js';
import { tempDir } from '../support/temp-dir.js';

const [SEED] = DISTINCT_SEEDS;
const WHAT = 'a challenge through the whole service';
const skip = missing(WHAT, standardModels?.modelsDir) || lacks(WHAT, 'mosquitto', 'mosquitto_sub', 'stdbuf');

interface ChallengeMessage {
  trackId: number;
  state: string;
  side: HeadSide;
  expiresAt: string;
}

test.skipIf(skip)(
  'a person who turns as asked is matched, one who turns the other way is not',
  { timeout: 120_000 },
  async () => {
    const addon = loadAddon();
    const camera = await PosingCamera.start(SEED, addon);
    const broker = await Mosquitto.start();
    const { messages } = await Subscriber.start(broker.port, 'lintel/#', ['-q', '1']);
    const folder = tempDir();
    const door = {
      id: 'front',
      group: 'door',
      liveness: 'challenge',
      absenceMs: 1_000,
      source: { type: 'url', url: camera.url },
    };
    const config = { deviceId: 'gate', mqtt: { url: broker.url }, cameras: [door] };
    const service = await startService({ folder, ...standardModels!, config });
    const challenges = () =>
      messages
        .filter(({ topic }) => topic === 'lintel/gate/front/challenge')
        .map(({ payload }) => JSON.parse(payload) as ChallengeMessage);
    const ofType = (type: string) =>
      messages
        .filter(({ topic }) => topic === `lintel/gate/front/${type}`)
        .map(({ payload }) => JSON.parse(payload) as { reason: string; trackId: number; externalImageId?: string });
    const showCamera = async () => {
      const authorization = `Bearer ${readFileSync(join(folder, 'keys/admin-key'), 'utf8').trim()}`;
      const answer = await fetch(`${service.url}/device/v1/cameras/front`, { headers: { authorization } });
      return (await answer.json()) as { challenges: object[]; recognition: { openTracks: number } };
    };
    const waiting = { timeout: 40_000, interval: 50 };
    let read = 0;
    /** Answers the challenges that came; looks ahead after each one, since a slow machine may miss a turn. */
    const answer = (choose: (side: HeadSide) => HeadSide): void => {
      for (const { state, side } of challenges().slice(read)) {
        read++;
        camera.show(state === 'open' ? choose(side) : 'ahead');
      }
    };
    try {
      await service.call('POST', '/groups', { groupId: 'door' });
      const portrait = toImage(encodePicture(renderPortrait(SEED), addon));
      await service.call('POST', '/groups/door', { image: portrait, externalImageId: 'anna' });

      camera.show('ahead');
      await expect.poll(() => challenges().length, waiting).toBe(1);
      const { state, trackId, side, expiresAt } = challenges()[0]!;
      expect(state).toBe('open');
      expect((await showCamera()).challenges).toMatchObject([{ trackId, side, expiresAt }]);
      expect(ofType('match')).toEqual([]);
      const turnAsAsked = () => {
        answer((asked) => asked);
        return ofType('match');
      };
      await expect.poll(turnAsAsked, waiting).toMatchObject([{ reason: 'agreed', externalImageId: 'anna' }]);
      const answered = { state: 'passed', trackId: ofType('match')[0]!.trackId };
      await expect.poll(() => challenges().at(-1), waiting).toMatchObject(answered);
      expect((await showCamera()).challenges).toEqual([]);

      camera.show('nobody');
      await expect.poll(async () => (await showCamera()).recognition.openTracks, waiting).toBe(0);
      const before = challenges().length;
      const uncertain = ofType('uncertain').length;
      read = before;
      camera.show('ahead');
      const turnTheOtherWay = () => {
        answer((asked) => (asked === 'left' ? 'right' : 'left'));
        return ofType('uncertain')
          .slice(uncertain)
          .map(({ reason }) => reason);
      };
      await expect.poll(turnTheOtherWay, waiting).toEqual(['challenge-failed']);
      await expect.poll(() => challenges()[before + 1]?.state, waiting).toBe('failed');
      expect(ofType('match')).toHaveLength(1);
    } finally {
      await service.stop();
    }
    expect(messages.filter(({ topic, retained }) => topic.endsWith('/challenge') && retained)).toEqual([]);
  },
);
