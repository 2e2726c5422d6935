// Devices of a fleet for tests: whole services, and the command line that talks to them.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import type { FleetStatus } from '../../src/fleet/fleet.types.js';
import { bestModels } from '../support/model-sets.js';
import { CLI, startService, toImage, type Answer, type Service } from '../support/service.js';

export const GROUP = 'staff';
/** Time for a change to come to a door, and for a process to answer, on a machine that is busy. */
export const SOON = { timeout: 60_000, interval: 100 };

/** Returns a picture of a rendered person. */
export function readPicture(name: 'guest-1' | 'guest-2' | 'stranger'): { bytes: string } {
  return toImage(readFileSync(fileURLToPath(new URL(`../../demo/${name}.jpg`, import.meta.url))));
}

/** A command of `lintel` that runs. */
export class RunningCommand {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  stdout = '';
  stderr = '';

  /** @param input text for its standard input, which then ends */
  constructor(args: readonly string[], input = '') {
    const child = spawn(process.execPath, [CLI, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    child.stdout.on('data', (piece: Buffer) => (this.stdout += piece.toString()));
    child.stderr.on('data', (piece: Buffer) => (this.stderr += piece.toString()));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    this.#exited = once(child, 'close');
    onTestFinished(() => void child.kill('SIGKILL'));
  }

  /** Sends SIGINT, as Ctrl-C does. */
  interrupt(): void {
    this.#child.kill('SIGINT');
  }

  async end(): Promise<{ code: unknown; stdout: string; stderr: string }> {
    const [code] = (await this.#exited) as [unknown];
    return { code, stdout: this.stdout, stderr: this.stderr };
  }
}

/** One device: its folder, its service and its commands. */
export class FleetMember {
  readonly folder: string;
  readonly #config: Record<string, unknown>;
  #service: Service | undefined;

  constructor(folder: string, config: Record<string, unknown>) {
    this.folder = folder;
    this.#config = config;
  }

  get service(): Service {
    if (!this.#service) throw new TypeError('the device was not started');
    return this.#service;
  }

  async start(): Promise<void> {
    const config = { vision: { workers: 1 }, ...this.#config };
    const service = await startService({ folder: this.folder, ...bestModels, config });
    this.#service = service;
    onTestFinished(() => service.kill());
  }

  /** Starts `lintel fleet` with these arguments. */
  begin(args: readonly string[], input?: string): RunningCommand {
    return new RunningCommand(['fleet', ...args, '--config', join(this.folder, 'lintel.yaml')], input);
  }

  /** Runs `lintel fleet` with these arguments to its end. */
  run(...args: string[]): ReturnType<RunningCommand['end']> {
    return this.begin(args).end();
  }

  async readStatus(): Promise<FleetStatus> {
    const { code, stdout, stderr } = await this.run('status', '--json');
    expect([code, stderr]).toEqual([0, '']);
    return JSON.parse(stdout) as FleetStatus;
  }

  /** Searches with a picture. @returns ids of the persons that were found, or the message of a refusal */
  async search(picture: { bytes: string }): Promise<string[] | string> {
    const { header, data } = await this.service.call('POST', `/groups/${GROUP}/search?threshold=90`, {
      image: picture,
    });
    if (!header.isSuccessful) return header.resultMessage;
    const { matchFaces } = data as { matchFaces: { face: { externalImageId: string } }[] };
    return matchFaces.map(({ face }) => face.externalImageId);
  }

  /** Enrols the largest face of a picture. */
  enrol(picture: { bytes: string }, externalImageId: string): Promise<Answer> {
    return this.service.call('POST', `/groups/${GROUP}`, { image: picture, externalImageId, limit: 1 });
  }
}

/** Takes a door into the fleet, as two people at the two machines do. @returns what `lintel fleet join` printed */
export async function joinFleet(authority: FleetMember, door: FleetMember, name: string): Promise<string> {
  const invited = await authority.run('invite');
  expect(invited.code).toBe(0);
  expect(invited.stdout).toMatch(/^\S+\n$/);
  const joining = door.begin(['join'], invited.stdout);
  await expect.poll(() => joining.stderr, SOON).toContain('Waiting for the approval');
  const fingerprint = /This door .*\nFingerprint {2}([0-9a-f ]+)\n/.exec(joining.stderr)?.[1] ?? '';
  await expect
    .poll(async () => (await authority.readStatus()).doors, SOON)
    .toContainEqual(expect.objectContaining({ name, state: 'waiting', fingerprint }));
  const approved = await authority.run('approve', name, '--fingerprint', fingerprint);
  expect(approved).toMatchObject({ code: 0, stderr: `${name} is approved. It gets ${GROUP}.\n` });
  const { code, stdout } = await joining.end();
  expect(code).toBe(0);
  return stdout;
}
