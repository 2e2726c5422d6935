// `npm run faults`: faults on purpose, in full. The tests run the same in a short form.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { facesDir, sharedModelsDir } from '../../test/support/shared.js';
import { canMount, runFullDisk, type DiskTally } from './disk.js';
import { BROKER_PROGRAMS } from './events-broker.js';
import { runEvents, type EventsTally } from './events-rounds.js';
import { galleryTarget } from './gallery-target.js';
import { runKills, type KillTally, type Target } from './kill-rounds.js';
import { runReconnects, type ReconnectTally } from './reconnects.js';
import { serviceTarget } from './service-target.js';
import { httpStream, lacksHttpStream, lacksRtspServer, rtspServer } from './stream-servers.js';
import { runStreams, type StreamTally } from './streams.js';
import { freePort } from '../../test/support/free-port.js';
import { listMissingPrograms } from '../../test/support/mosquitto.js';

const USAGE = `Usage: npm run faults -- kill [--rounds N] [--seed N] [--through gallery|service]
       npm run faults -- disk [--rounds N] [--seed N]
       npm run faults -- streams [--rounds N] [--seed N]
       npm run faults -- events [--events N] [--broker-kills N] [--process-kills N] [--seed N]
       npm run faults -- all [--rounds N] [--seed N]

kill   kill -9 at random moments of registrations and deletions by concurrent clients; after each restart every
       registration that was acknowledged is there and searchable, every deletion that was acknowledged holds, a
       picture is there with all of its faces or none, and the counts agree. The gallery is a process of the sealed
       store and the gallery; the service is the whole of \`lintel serve\` behind its REST API and needs the models.
disk   a small file system under the gallery that fills up and is emptied again: while it is full, changes are refused
       with STORE_UNAVAILABLE and searches go on; what was acknowledged is there, what was refused is not, also after a
       restart; and there is no fault left once there is room. Needs unshare and user namespaces.
streams
       two cameras on the network, a real RTSP server and ffmpeg's MJPEG over HTTP, that are killed, stalled (SIGSTOP),
       frozen and started again: each fault is declared, each camera recovers within 10 s of its return, and memory,
       threads and open files stay as they are; then 1,000 lost connections, which leave nothing behind either.
events a mosquitto that is killed -9 and started again while events are produced, by a process that is killed -9 as well:
       the history has every sequence number, in order, and no match comes after its expiry. Needs mosquitto.

all    kill through the gallery, kill through the service, disk, streams, events: everything in full (some 25 minutes).

  --rounds N     kills, or times the disk is full (200), or times that each stream is away (50)
  --seed N       of the moments and the requests (1)
  --events N     events that are produced (5000)
  --broker-kills N, --process-kills N
                 kills of the broker (50) and of the process that owns the events (10)
  --through X    gallery (the default) or service
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    events: { type: 'string', default: '5000' },
    'broker-kills': { type: 'string', default: '50' },
    'process-kills': { type: 'string', default: '10' },
    through: { type: 'string', default: 'gallery' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const rounds = Number(values.rounds ?? 200);
const seed = Number(values.seed);
const eventCount = Number(values.events);
const brokerKills = Number(values['broker-kills']);
const processKills = Number(values['process-kills']);
const understood =
  [eventCount, brokerKills].every((n) => Number.isInteger(n) && n > 0) &&
  Number.isInteger(processKills) &&
  processKills >= 0 &&
  ['kill', 'disk', 'streams', 'events', 'all'].includes(positionals.join()) &&
  Number.isInteger(rounds) &&
  rounds > 0 &&
  Number.isInteger(seed) &&
  ['gallery', 'service'].includes(values.through);

function targetOf(folder: string, through: string): Target {
  if (through === 'gallery') return galleryTarget(join(folder, 'db'));
  if (sharedModelsDir === undefined || facesDir === undefined) {
    throw new Error('the models or the photographs are not here (../shared)');
  }
  const photo = join(facesDir, 'groups', 'bbt1.jpg');
  return serviceTarget({ folder, modelsDir: sharedModelsDir, photo, facesPerPicture: 3 });
}

function kill(folder: string, through: string): Promise<KillTally> {
  const onRound = (round: number, { problems }: KillTally): void => {
    if (round % 10 === 0) console.log(`${round} of ${rounds} kills, ${problems.length} problems`);
  };
  return runKills(targetOf(folder, through), { rounds, seed, onRound });
}

async function disk(folder: string): Promise<DiskTally> {
  if (!canMount()) throw new Error('this machine lets no process mount a file system of its own (unshare -Urm)');
  return runFullDisk(folder, { rounds, seed });
}

async function streams(): Promise<StreamTally & { reconnects: ReconnectTally }> {
  const lack = lacksRtspServer() ?? lacksHttpStream();
  if (lack !== undefined) throw new Error(lack);
  const onCycle = (where: string, recoveryMs: number): void => console.log(`${where}: back after ${recoveryMs} ms`);
  const times = { readTimeoutMs: 5_000, freezeMs: 5_000, awayMs: 12_000 };
  const servers = [rtspServer(await freePort()), httpStream(await freePort())];
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

if (values.help || !understood) {
  process.stderr.write(USAGE);
  process.exitCode = values.help ? 0 : 2;
} else {
  const kinds: Record<string, (folder: string) => Promise<KillTally | DiskTally | StreamTally | EventsTally>> = {
    'kill, through the gallery': (folder) => kill(folder, 'gallery'),
    'kill, through the service': (folder) => kill(folder, 'service'),
    disk,
    streams,
    events,
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
