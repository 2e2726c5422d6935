// `npm run faults`: causes faults on purpose and checks that Lintel survives them. The tests run a short form of this.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { facesDir, sharedModelsDir } from '../../test/support/shared.js';
import { canMount, runFullDisk, type DiskTally } from './disk.js';
import { listFaults, runFleet, SHORT, type FleetTally } from './fleet.js';
import { BROKER_PROGRAMS } from './events-broker.js';
import { runEvents, type EventsTally } from './events-rounds.js';
import { createGalleryTarget } from './gallery-target.js';
import { runKills, type KillTally, type Target } from './kill-rounds.js';
import { runReconnects, type ReconnectTally } from './reconnects.js';
import { createServiceTarget } from './service-target.js';
import {
  createHttpStream,
  explainMissingHttpStream,
  explainMissingRtspServer,
  createRtspServer,
} from './stream-servers.js';
import { runStreams, type StreamTally } from './streams.js';
import { freePort } from '../../test/support/free-port.js';
import { listMissingPrograms } from '../../test/support/mosquitto.js';

const USAGE = `Usage: npm run faults -- kill [--kills N] [--seed N] [--through gallery|service]
       npm run faults -- disk [--rounds N] [--seed N]
       npm run faults -- streams [--rounds N] [--seed N]
       npm run faults -- events [--events N] [--broker-kills N] [--process-kills N] [--seed N]
       npm run faults -- fleet [--short] [--operations N] [--kills N] [--seed N]
       npm run faults -- all [--rounds N] [--seed N]

kill   Kills a process (kill -9) at random moments while concurrent clients register and delete faces. After each restart,
       every acknowledged registration is present and searchable, every acknowledged deletion holds, a picture has all of
       its faces or none, the counts agree, and all records add up with their roots. With --through gallery the process holds the sealed store and the
       gallery; with --through service it is all of \`lintel serve\` behind its REST API, which needs the models.
disk   Fills a small file system under the gallery and empties it again. While it is full, changes are refused with
       STORE_UNAVAILABLE and searches go on. Afterwards acknowledged changes are present and refused ones are not, also
       after a restart, and the gallery is healthy again once there is room. Needs unshare and user namespaces.
streams
       Kills, stalls (SIGSTOP) and restarts two network cameras: a real RTSP server, and ffmpeg's MJPEG over HTTP.
       Each fault is declared, a quiet scene is none, each camera recovers within 10 s of its return, and memory, threads and open files
       stay constant. Then the cameras lose their connection 1,000 times, which must not leak either.
events Kills mosquitto and the process that produces the events. The history has every sequence number, in order, and no
       match arrives after its expiry. Needs mosquitto.
fleet  Runs an authority, five doors and a real nats-server, each in a process. While people are enrolled and deleted at random, all of them are
       killed, the lines of doors are cut, slowed and disturbed, and the store of the server is lost or put back to an older one. At the end all
       galleries are equal, nothing that was acknowledged is lost, nobody who was deleted is found, and no door had half a version. Needs nats-server.
all    Runs kill through the gallery, kill through the service, disk, streams, events and fleet in full (some 35 minutes).

  --kills N      number of kills (default 200; 100 for fleet); the same as --rounds for kill
  --rounds N     number of kills or of times that the disk is filled (default 200), or of faults of each stream (default 50)
  --seed N       seed of the random moments and requests (default 1)
  --events N     number of events to produce (default 5000)
  --broker-kills N, --process-kills N
                 number of kills of the broker (default 50) and of the process that owns the events (default 10)
  --operations N number of enrolments and deletions at the authority (default 2000)
  --short        fleet: 60 operations and one fault of each kind
  --through X    gallery (default) or service
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    kills: { type: 'string' },
    seed: { type: 'string', default: '1' },
    events: { type: 'string', default: '5000' },
    'broker-kills': { type: 'string', default: '50' },
    'process-kills': { type: 'string', default: '10' },
    operations: { type: 'string', default: '2000' },
    short: { type: 'boolean', default: false },
    through: { type: 'string', default: 'gallery' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const rounds = Number(values.rounds ?? 200);
const kills = Number(values.kills ?? rounds);
const seed = Number(values.seed);
const eventCount = Number(values.events);
const brokerKills = Number(values['broker-kills']);
const operations = values.short ? 60 : Number(values.operations);
const processKills = Number(values['process-kills']);
const understood =
  [eventCount, brokerKills, operations].every((n) => Number.isInteger(n) && n > 0) &&
  Number.isInteger(processKills) &&
  processKills >= 0 &&
  ['kill', 'disk', 'streams', 'events', 'fleet', 'all'].includes(positionals.join()) &&
  [rounds, kills].every((n) => Number.isInteger(n) && n > 0) &&
  Number.isInteger(seed) &&
  ['gallery', 'service'].includes(values.through);

function makeTarget(folder: string, through: string): Target {
  if (through === 'gallery') return createGalleryTarget(join(folder, 'db'));
  if (sharedModelsDir === undefined || facesDir === undefined) {
    throw new Error('the models or the photographs are missing (../shared)');
  }
  const photo = join(facesDir, 'groups', 'bbt1.jpg');
  return createServiceTarget({ folder, modelsDir: sharedModelsDir, photo, facesPerPicture: 3 });
}

function kill(folder: string, through: string): Promise<KillTally> {
  const onRound = (round: number, { problems }: KillTally): void => {
    if (round % 10 === 0) console.log(`${round} of ${kills} kills, ${problems.length} problems`);
  };
  return runKills(makeTarget(folder, through), { rounds: kills, seed, onRound });
}

async function disk(folder: string): Promise<DiskTally> {
  if (!canMount())
    throw new Error('this machine does not allow a process to mount a file system of its own (unshare -Urm)');
  return runFullDisk(folder, { rounds, seed });
}

async function streams(): Promise<StreamTally & { reconnects: ReconnectTally }> {
  const lack = explainMissingRtspServer() ?? explainMissingHttpStream();
  if (lack !== undefined) throw new Error(lack);
  const onCycle = (where: string, recoveryMs: number): void =>
    console.log(`${where}: recovered after ${recoveryMs} ms`);
  const times = { readTimeoutMs: 5_000, freezeMs: 5_000, awayMs: 12_000 };
  const servers = [createRtspServer(await freePort()), createHttpStream(await freePort())];
  const tally = await runStreams(servers, { ...times, cycles: Number(values.rounds ?? 50), seed, onCycle });
  const reconnects = await runReconnects(1_000);
  return { ...tally, reconnects, problems: [...tally.problems, ...reconnects.problems] };
}

async function events(folder: string): Promise<EventsTally> {
  const missing = listMissingPrograms(...BROKER_PROGRAMS);
  if (missing.length > 0) throw new Error(`not installed: ${missing.join(', ')}`);
  const onRound = (round: number, problems: number): void => {
    if (round % 10 === 0) console.log(`${round} of ${brokerKills} kills of the broker, ${problems} problems`);
  };
  return runEvents({ folder, events: eventCount, brokerKills, processKills, seed, onRound });
}

function fleet(folder: string): Promise<FleetTally> {
  const faults = values.short ? SHORT : listFaults(Number(values.kills ?? 100), seed);
  // A run that cannot end says at least what it has found.
  const told = new Set<string>();
  const onFault = (done: number, problems: readonly string[]): void => {
    for (const problem of problems) if (!told.has(problem)) console.log(problem);
    for (const problem of problems) told.add(problem);
    if (done % 10 === 0) console.log(`${done} of ${faults.length} faults, ${problems.length} problems`);
  };
  return runFleet({ folder, operations, faults, seed, onFault });
}

if (values.help || !understood) {
  process.stderr.write(USAGE);
  process.exitCode = values.help ? 0 : 2;
} else {
  const kinds: Record<
    string,
    (folder: string) => Promise<KillTally | DiskTally | StreamTally | EventsTally | FleetTally>
  > = {
    'kill, through the gallery': (folder) => kill(folder, 'gallery'),
    'kill, through the service': (folder) => kill(folder, 'service'),
    disk,
    streams,
    events,
    fleet,
  };
  const [wanted] = positionals;
  const chosen = wanted === 'kill' ? `kill, through the ${values.through}` : wanted;
  for (const [kind, run] of Object.entries(kinds)) {
    if (chosen !== 'all' && chosen !== kind) continue;
    console.log(kind);
    const folder = mkdtempSync(join(tmpdir(), 'lintel-faults-'));
    try {
      const beganMs = performance.now();
      const { problems, ...tally } = await run(folder);
      for (const problem of problems) console.log(problem);
      console.log(JSON.stringify({ seed, ...tally }));
      console.log(`${Math.round((performance.now() - beganMs) / 1000)} s, ${problems.length} problems`);
      if (problems.length > 0) process.exitCode = 1;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}
