// `lintel fleet demo`: a NATS server, an authority and three doors on one machine, which show what a fleet does.
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { getInstallationFile } from '../../../config/paths.js';
import type { CliContext } from '../../context.js';
import { listenForStop } from '../../enrol/stop-signals.js';
import { DemoDevice, type FoundFace } from './device.js';
import { findNatsServer, pickPort, startNatsServer } from './nats.js';
import { waitUntil, type DemoProcess } from './processes.js';
import { DoorWatch } from './watch-door.js';

const GROUP = 'staff';
const PERSON = 'guest';
const CAMERA = 'clip';
/** Names of the doors. The second has the camera; the third is removed at the end. */
const DOORS = ['front-gate', 'yard', 'cellar'] as const;
/** Usual port of a NATS server, and the address at which the demonstration has its own. */
const NATS_PORT = 4222;
const NATS_HOST = '127.0.0.1';
/** Interval of the reports and of fresh signatures: short, so that nobody has to wait for a report. */
const RENEW_SECONDS = 5;

/** Prints one line of the story. */
type Say = (line?: string) => void;

/** Means of the story: its folder, its output, and the ends of what it started. */
interface Stage {
  folder: string;
  signal: AbortSignal;
  say: Say;
  /** Ends what was started, the newest first. */
  ends: (() => Promise<void>)[];
}

/** @param fleet the command `lintel fleet` */
export function registerFleetDemo(fleet: Command, context: CliContext): void {
  fleet
    .command('demo')
    .description('run a demonstration on this machine: a NATS server, an authority and three doors')
    .option('--folder', 'put the log of the fleet into a folder, where no NATS server is installed')
    .addHelpText(
      'after',
      `
It runs the commands that it prints, and ends by itself after some minutes at most. All its data is
written to a temporary folder, which is deleted at the end.`,
    )
    .action(async ({ folder: inFolder = false }: { folder?: boolean }) => {
      const program = inFolder ? undefined : findNatsServer();
      const { signal, release } = listenForStop();
      const folder = await mkdtemp(join(tmpdir(), 'lintel-fleet-'));
      const ends: Stage['ends'] = [];
      const say: Say = (line = '') => void context.stdout.write(`${line}\n`);
      try {
        await tellStory({ folder, signal, say, ends }, program);
      } finally {
        for (const end of ends.reverse()) await end();
        await rm(folder, { recursive: true, force: true });
        release();
        say('\nThe demonstration has ended; its processes are stopped, and its data is deleted.');
      }
    });
}

async function tellStory(stage: Stage, natsProgram: string | undefined): Promise<void> {
  const { say, signal } = stage;
  const pictures = {
    enrolled: await readFile(getInstallationFile('demo', 'guest-1.jpg')),
    probe: await readFile(getInstallationFile('demo', 'guest-2.jpg')),
  };
  say('A fleet on one machine: an authority, three doors, and the log between them.');
  say('All files are in a temporary folder, which is deleted at the end.');
  const authority = await startAuthority(stage, natsProgram);
  const doors = await startDoors(stage, authority);
  const [frontGate, yard, cellar] = doors;
  if (!frontGate || !yard || !cellar) throw new TypeError('a door is missing');
  const watch = new DoorWatch(yard.brokerUrl, signal);
  stage.ends.push(async () => watch.end());

  say(`\n4. ${frontGate.name} enrols a made-up person, ${PERSON}, from a picture, by its REST API.`);
  const enrolledMs = performance.now();
  const faceId = await frontGate.enrol(GROUP, pictures.enrolled, PERSON);
  say(`   It handed the face to ${authority.name}, which accepted it.`);
  await Promise.all(
    doors.map((door) => door.searchUntil(GROUP, pictures.probe, `${PERSON} is found`, (found) => hasPerson(found))),
  );
  say(
    `   ${formatSeconds(performance.now() - enrolledMs)} after the request, each door finds ${PERSON} in another picture.`,
  );
  const match = await watch.waitFor('match');
  say(`   The camera of ${yard.name} plays a clip, in which ${PERSON} comes to the door:`);
  say(`   MATCH ${match.externalImageId}, similarity ${match.similarity?.toFixed(1)}`);

  say(`\n5. ${PERSON} is dismissed: ${authority.name} deletes the face.`);
  const deletedMs = performance.now();
  await authority.deleteFace(GROUP, faceId);
  const proof = await showCommand(stage, authority, 'proof', '--wait', '60');
  say(indent(proof));
  say(`   It took ${formatSeconds(performance.now() - deletedMs)} until the last proof was there.`);
  watch.forget();
  // The clip shows the person and a stranger in turn: of two who are unknown one after the other, one is the person.
  await watch.waitFor('unknown', 2);
  say(`   ${PERSON} comes to the camera of ${yard.name} again, and so does a stranger:`);
  say(`   UNKNOWN twice, MATCH ${watch.list('match').length} times. ${PERSON} is refused.`);
  await cellar.searchUntil(GROUP, pictures.probe, 'nobody is found', (found) => found?.length === 0);
  say(`   A search at ${cellar.name} finds nobody.`);

  say(`\n6. ${cellar.name} is stolen: it is removed from the fleet.`);
  say(indent(await showCommand(stage, authority, 'remove', cellar.name, '--yes')));
  await cellar.searchUntil(GROUP, pictures.probe, 'the group is gone', (found) => found === undefined);
  say(`   ${cellar.name} has heard of it and has deleted its copy: it knows no group ${GROUP}.`);
  say(indent(await showCommand(stage, authority, 'status')));
}

async function startAuthority(stage: Stage, natsProgram: string | undefined): Promise<DemoDevice> {
  const { folder, signal, say, ends } = stage;
  const port = natsProgram === undefined ? 0 : await pickPort(NATS_PORT);
  const place =
    natsProgram === undefined ? { folder: join(folder, 'log') } : { servers: [`tls://${NATS_HOST}:${port}`] };
  if (place.folder !== undefined) await mkdir(place.folder);
  const authority = new DemoDevice(
    'hq',
    folder,
    { fleet: { role: 'authority', groups: [GROUP], renewSeconds: RENEW_SECONDS, proposals: true, ...place } },
    signal,
  );
  ends.push(() => authority.stop());
  say('\n1. The authority starts: hq. Its gallery is the truth.');
  await authority.start();
  await authority.createGroup(GROUP);
  if (natsProgram === undefined) {
    say('\n2. The log of the fleet is a folder, which all devices can reach.');
    return authority;
  }
  say('\n2. The NATS server starts, with the configuration that the authority writes:');
  const files = join(folder, 'server');
  await showCommand(stage, authority, 'server-config', '--host', NATS_HOST, '--out', files);
  const server = await startNatsServer(natsProgram, { files, store: join(folder, 'store'), port }, signal);
  ends.push(() => server.stop());
  await waitUntil(
    'the authority to reach the NATS server',
    async () => ((await authority.readStatus()).log.isConnected ? true : undefined),
    signal,
  );
  say(`   hq has reached it: ${NATS_HOST}:${port}, by TLS. It sees sealed records, and no name.`);
  return authority;
}

async function startDoors(stage: Stage, authority: DemoDevice): Promise<DemoDevice[]> {
  const { folder, signal, say, ends } = stage;
  const path = getInstallationFile('demo', 'clip.avi');
  const camera = { id: CAMERA, group: GROUP, absenceMs: 1_000, source: { type: 'file', path, loop: true } };
  say(`\n3. Three doors join: ${DOORS.join(', ')}. A person compares the fingerprints, and approves each of them.`);
  const doors: DemoDevice[] = [];
  for (const name of DOORS) {
    const hasCamera = name === 'yard';
    const config = {
      fleet: { role: 'door', renewSeconds: RENEW_SECONDS, proposals: true },
      ...(hasCamera ? { cameras: [camera], vision: { workers: 2 } } : {}),
    };
    const door = new DemoDevice(name, folder, config, signal);
    doors.push(door);
    ends.push(() => door.stop());
    await door.start();
    await joinDoor(stage, authority, door);
  }
  say('');
  say(indent(await showCommand(stage, authority, 'status')));
  return doors;
}

async function joinDoor({ say, signal, ends }: Stage, authority: DemoDevice, door: DemoDevice): Promise<void> {
  const { stdout: token } = await authority.run('invite');
  const joining: DemoProcess = door.join(token.trim());
  ends.push(() => joining.stop());
  const [, fingerprint = ''] = await joining.waitFor(/This door .*\nFingerprint {2}([0-9a-f ]+)\n/, signal);
  await waitUntil(
    `${door.name} to ask the authority`,
    async () =>
      (await authority.readStatus()).doors.find(({ name, state }) => name === door.name && state === 'waiting'),
    signal,
  );
  await authority.run('approve', door.name, '--fingerprint', fingerprint);
  if ((await joining.exited) !== 0) throw joining.describeEnd();
  say(`   $ lintel fleet invite | lintel fleet join`);
  say(`   $ lintel fleet approve ${door.name} --fingerprint "${fingerprint}"`);
}

/** Prints a command, and runs it. @returns what it printed */
async function showCommand({ say }: Stage, device: DemoDevice, ...args: string[]): Promise<string> {
  say(`   $ lintel fleet ${args.join(' ')}`);
  const { stdout, stderr } = await device.run(...args);
  return `${stdout}${stderr}`.trimEnd();
}

function hasPerson(found: readonly FoundFace[] | undefined): boolean {
  return found?.some(({ externalImageId }) => externalImageId === PERSON) ?? false;
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? '' : `   ${line}`))
    .join('\n');
}

function formatSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
