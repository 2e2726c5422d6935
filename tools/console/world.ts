// The world in the pictures of the console: rendered people who are enrolled, two doors with clips, and a service that has seen some of them
// and is the authority of a fleet.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadAddon, type Addon } from '../../src/native/addon.js';
import { ConsoleStage, type ClipPath } from '../../test/console/stage.js';
import type { ClipActor, ClipScript } from '../rendered-people/clip.js';
import { encodePicture, renderClip } from '../rendered-people/clip-file.js';
import { renderPortrait } from '../rendered-people/demo-clip.js';
import { DISTINCT_SEEDS } from '../rendered-people/distinct-seeds.js';

const [ANNA, BEN, CHLOE, DAVID, ELIF, JUNHO, VISITOR, COURIER] = DISTINCT_SEEDS;
/** Enrolled people: externalImageId, seed, and how many faces each has. */
const PEOPLE = [
  ['anna-weber', ANNA, 2],
  ['ben-ortiz', BEN, 1],
  ['chloe-martin', CHLOE, 3],
  ['david-lee', DAVID, 1],
  ['elif-kaya', ELIF, 2],
  ['junho-park', JUNHO, 1],
] as const;
/** Views of a person beside the frontal one. */
const VIEWS = [{ yaw: 0 }, { yaw: -12, pitch: 4 }, { yaw: 11 }] as const;
/** How long the service watches the doors before the first picture: twice the longer clip. */
const HISTORY_MS = 28_000;
const POLL_MS = 200;

/** A person who comes in from the left, stands there and leaves to the right. @param fromMs time of the clip */
function passer(seed: number, fromMs: number, x: number): ClipActor {
  return {
    who: { seed },
    sway: { yaw: 4, pitch: 3, roll: 2 },
    keyframes: [
      { atMs: fromMs, x: -0.25, y: 0.5, sizePx: 110, pose: { yaw: 25 } },
      { atMs: fromMs + 1_000, x, y: 0.48, sizePx: 138, pose: { yaw: 6 } },
      { atMs: fromMs + 3_600, x: x + 0.04, y: 0.48, sizePx: 142 },
      { atMs: fromMs + 4_600, x: 1.25, y: 0.5, sizePx: 110, pose: { yaw: 25 } },
    ],
  };
}

function makeScript(background: number, actors: ClipActor[], durationMs: number): ClipScript {
  const light = { azimuth: -30, elevation: 40 };
  return { widthPx: 640, heightPx: 480, fps: 8, durationMs, background, actors, light };
}

/** Starts the service with its cameras, enrols the people, and lets it watch for a while. Stop it with `stop`. */
export async function startWorld(say: (line: string) => void): Promise<{ stage: ConsoleStage; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'lintel-pictures-'));
  const addon = loadAddon();
  const clips = { entrance: join(folder, 'entrance.avi'), yard: join(folder, 'yard.avi') } as const;
  say('Rendering the people.');
  const entrance = [passer(ANNA, 0, 0.42), passer(VISITOR, 4_800, 0.5), passer(CHLOE, 9_600, 0.55)];
  await renderClip(makeScript(12, entrance, 14_000), clips.entrance, { addon });
  const yard = [passer(COURIER, 500, 0.5), passer(BEN, 5_400, 0.45)];
  await renderClip(makeScript(31, yard, 10_400), clips.yard, { addon });
  const stage = new ConsoleStage({
    cameras: { entrance: asPath(clips.entrance), yard: asPath(clips.yard) },
    enrolled: [],
    config: {
      deviceId: 'front-gate',
      privacy: { unknownFacesHours: 24 },
      fleet: { role: 'authority', folder: join(folder, 'fleet'), renewSeconds: 5 },
    },
  });
  const doors = ['back-door', 'warehouse'].map(
    (deviceId) =>
      new ConsoleStage({
        ...{ cameras: {}, enrolled: [], hasGroup: false },
        config: { cameras: [], deviceId, fleet: { role: 'door', folder: join(folder, 'fleet'), renewSeconds: 5 } },
      }),
  );
  const stop = async (): Promise<void> => {
    for (const one of [...doors, stage]) await one.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await stage.start();
    for (const [name, seed, faces] of PEOPLE) {
      for (const pose of VIEWS.slice(0, faces)) await stage.enrol(renderFaceFile(seed, pose, addon), name);
    }
    say('Starting two doors of the fleet: one is approved, the other one waits.');
    for (const [index, door] of doors.entries()) {
      await door.start();
      const { token } = await stage.device<{ token: string }>('POST', '/fleet/invites');
      const { door: id } = await door.device<{ door: string }>('POST', '/fleet/join', { token });
      if (index === 0) await approve(stage, id);
    }
    say(`Watching the doors for ${HISTORY_MS / 1_000} s.`);
    await new Promise((resolve) => setTimeout(resolve, HISTORY_MS));
    return { stage, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Approves a door as soon as its request has come. */
async function approve(stage: ConsoleStage, id: string): Promise<void> {
  for (;;) {
    const { doors } = await stage.device<{ doors: { id: string }[] }>('GET', '/fleet');
    if (doors.some((door) => door.id === id)) break;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  await stage.device('POST', `/fleet/doors/${id}/approve`, {});
}

function renderFaceFile(seed: number, pose: (typeof VIEWS)[number], addon: Addon): Buffer {
  return encodePicture(renderPortrait(seed, { pose, background: seed + 1_000 + pose.yaw }), addon);
}

function asPath(path: string): ClipPath {
  return `/${path.replace(/^\//, '')}`;
}
