// `lintel doctor --liveness CAMERA`: guides a person through live, print and screen attempts and reports APCER and BPCER of that camera.
import { createInterface, type Interface } from 'node:readline/promises';
import { z } from 'zod';
import type { LoadedConfig } from '../../config/load.js';
import { dataPaths } from '../../config/paths.js';
import { AppError } from '../../errors.js';
import {
  judgeTrial,
  PRESENTATIONS,
  type TrialAttempt,
  type Presentation,
  type ErrorRate,
} from '../../recognition/liveness-trial.js';
import { livenessPath } from '../../recognition/liveness-lines.js';
import { askService } from '../admin-client.js';
import type { CliContext } from '../context.js';
import { SilentFailure } from '../program.js';

/** One analysed frame as the service tells it, a line of JSON each, until the connection is closed. */
export const livenessLineSchema = z.object({
  /** Faces in sight. */
  faces: z.int().min(0),
  /** Of the one face; absent where there is none, several, or one that is not fit. */
  score: z.number().optional(),
  quality: z.number().min(0).max(1).optional(),
  /** The camera's threshold. */
  threshold: z.number(),
});

export type LivenessLine = z.infer<typeof livenessLineSchema>;

export interface TrialOptions {
  attempts: number;
  seconds: number;
  json: boolean;
}

export interface TrialDoors {
  /** Shows the words and resolves when the person is ready; rejects when they give up. */
  ask: (words: string) => Promise<void>;
  /** The camera's frames from now on. */
  lines: () => AsyncIterable<LivenessLine>;
  /** Milliseconds, never going back. */
  monotonicMs: () => number;
  write: (text: string) => void;
}

const TASKS: Record<Presentation, string> = {
  live: 'stand before the camera as at the door, without anything in your hands',
  print: 'hold a printed photo of a face before the camera, larger than 10 cm; move and bend it as an attacker would',
  screen: 'hold a phone or a tablet with a photo or a video of a face before the camera',
};

/** Without a face for so many seconds an attempt ends, as one in which nobody was seen. */
const PATIENCE_SECONDS = 20;

/** @returns the exit code's reason: whether every attempt went as it should */
export async function runTrial(doors: TrialDoors, { attempts, seconds, json }: TrialOptions): Promise<boolean> {
  const say = json ? () => undefined : doors.write;
  say(`${attempts} attempts each, ${seconds} s of one face each. Different people, photos and devices tell more.\n`);
  const done: TrialAttempt[] = [];
  let threshold = 0;
  for (const presentation of PRESENTATIONS) {
    for (let attempt = 1; attempt <= attempts; attempt++) {
      await doors.ask(`\n${presentation} ${attempt} of ${attempts}: ${TASKS[presentation]}; then press Enter: `);
      const seen = await watch(doors, seconds);
      threshold = seen.threshold ?? threshold;
      done.push({ presentation, samples: seen.samples });
      const { verdict, score } = judgeTrial([done[done.length - 1]], threshold).verdicts[0];
      const said = score === undefined ? 'no face that is fit was seen' : `${verdict}, score ${score.toFixed(2)}`;
      say(`  ${said}, ${seen.samples.length} frames\n`);
    }
  }
  const report = judgeTrial(done, threshold);
  const { apcer, bpcer, suggested } = report;
  if (json) doors.write(`${JSON.stringify(report)}\n`);
  say(`\nthreshold ${threshold}\n`);
  say(`APCER print   ${told(apcer.print)}\nAPCER screen  ${told(apcer.screen)}\nBPCER         ${told(bpcer)}\n`);
  if (suggested) {
    say(
      `Fewest errors in this trial: livenessThreshold: ${suggested.threshold} ` +
        `(APCER ${percent(suggested.apcer)}, BPCER ${percent(suggested.bpcer)})\n`,
    );
  } else {
    say('No threshold tells live people from attacks in this trial.\n');
  }
  say('Few attempts tell little: the bounds say how bad it may still be. Repeat it for each camera and each light.\n');
  return apcer.worst.errors === 0 && bpcer.errors === 0;
}

/** Collects the scores of one attempt: so many seconds from the first fit face on. */
async function watch(
  { lines, monotonicMs }: TrialDoors,
  seconds: number,
): Promise<{ samples: TrialAttempt['samples']; threshold?: number }> {
  const samples: { score: number; quality: number }[] = [];
  let threshold: number | undefined;
  let endsMs = monotonicMs() + PATIENCE_SECONDS * 1_000;
  for await (const line of lines()) {
    threshold = line.threshold;
    if (line.score !== undefined && line.quality !== undefined) {
      if (samples.length === 0) endsMs = monotonicMs() + seconds * 1_000;
      samples.push({ score: line.score, quality: line.quality });
    }
    if (monotonicMs() >= endsMs) break;
  }
  return { samples, ...(threshold === undefined ? {} : { threshold }) };
}

function told({ errors, attempts, rate, upper }: ErrorRate): string {
  if (attempts === 0) return 'not tried';
  return `${percent(rate)} (${errors} of ${attempts}; with 95 % confidence at most ${percent(upper)})`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** Resolves with the next line that is entered. @throws AppError STOPPED where the input ends: whoever tries gives up */
export function askAt(terminal: Interface, words: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(new AppError('STOPPED', 'the trial was given up before its end'));
    terminal.once('close', giveUp);
    terminal.question(words).then(() => {
      terminal.off('close', giveUp);
      resolve();
    }, giveUp);
  });
}

/** The trial on the running service. @throws AppError CAMERA_NOT_FOUND, SERVICE_UNREACHABLE; SilentFailure where attempts went wrong */
export async function livenessDoctor(
  cameraId: string,
  options: TrialOptions,
  { config }: LoadedConfig,
  { stdout }: CliContext,
): Promise<void> {
  const camera = config.cameras.find(({ id }) => id === cameraId);
  if (!camera) throw new AppError('CAMERA_NOT_FOUND', `the configuration has no camera ${cameraId}`);
  if (camera.liveness === 'off') throw new AppError('CONFIG_INVALID', `liveness is off for camera ${cameraId}`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const went = await runTrial(
      {
        ask: (words) => askAt(terminal, words),
        lines: () => serviceLines(dataPaths(config).adminSocket, cameraId),
        monotonicMs: () => performance.now(),
        write: (text) => void stdout.write(text),
      },
      options,
    );
    if (!went) throw new SilentFailure('attempts went wrong');
  } finally {
    terminal.close();
  }
}

async function* serviceLines(socketPath: string, cameraId: string): AsyncGenerator<LivenessLine> {
  const body = await askService(socketPath, 'GET', livenessPath(cameraId));
  if (!body) throw new AppError('SERVICE_UNREACHABLE', 'the trial needs the running service: start it first');
  let rest = '';
  for await (const piece of body) {
    const pieces = (rest + Buffer.from(piece).toString()).split('\n');
    rest = pieces.pop() ?? '';
    for (const line of pieces) if (line !== '') yield livenessLineSchema.parse(JSON.parse(line));
  }
}
