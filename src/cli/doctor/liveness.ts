// `lintel doctor --liveness CAMERA`: guides a person through live, print and screen attempts, and reports APCER and BPCER of the camera.
import { createInterface, type Interface } from 'node:readline/promises';
import * as z from 'zod';
import type { LoadedConfig } from '../../config/load.js';
import { dataPaths } from '../../config/paths.js';
import { AppError } from '../../errors.js';
import { EVIDENCE, type EvidenceName } from '../../events/event.js';
import { makeLivenessPath } from '../../recognition/liveness-lines.js';
import {
  judgeTrial,
  PRESENTATIONS,
  type TrialAttempt,
  type Presentation,
  type ErrorRate,
} from '../../recognition/liveness-trial.js';
import { NO_EVIDENCE, type Evidence } from '../../recognition/presentation-evidence.js';
import { askService } from '../admin-client.js';
import type { CliContext } from '../context.js';
import { SilentFailure } from '../program.js';

const evidenceNames = z.array(z.enum(Object.keys(EVIDENCE) as [EvidenceName, ...EvidenceName[]]));

/** One analysed frame: a line of JSON that the service sends, until the connection is closed. */
export const livenessLineSchema = z.object({
  /** Number of faces in the frame. */
  faces: z.int().min(0),
  /** Liveness score of the face; absent unless the frame has exactly one face and it is fit to be judged. */
  score: z.number().optional(),
  quality: z.number().min(0).max(1).optional(),
  /** Evidence of a print or a screen in the frames so far; absent unless the frame has exactly one face. */
  evidence: z.object({ attack: evidenceNames, doubts: evidenceNames }).optional(),
  /** Liveness threshold of the camera. */
  threshold: z.number(),
});

export type LivenessLine = z.infer<typeof livenessLineSchema>;

export interface TrialOptions {
  attempts: number;
  seconds: number;
  json: boolean;
}

/** The person, the camera, the clock and the output of a trial. */
export interface TrialParts {
  /** Shows the text and resolves when the person is ready; rejects when they give up. */
  ask: (text: string) => Promise<void>;
  /** Frames of the camera from now on. */
  lines: () => AsyncIterable<LivenessLine>;
  /** Milliseconds that never go back. */
  monotonicMs: () => number;
  write: (text: string) => void;
}

const TASKS: Record<Presentation, string> = {
  live: 'stand in front of the camera as you would at the door, with nothing in your hands',
  print:
    'hold a printed photo of a face, larger than 10 cm, in front of the camera; move and bend it as an attacker would',
  screen: 'hold a phone or a tablet with a photo or a video of a face in front of the camera',
};

/** An attempt ends after this time without a usable face, and counts as one without a face. */
const PATIENCE_MS = 20_000;
/** A door decides within this time from the first usable face on: evidence that is found later would not have helped it. */
const DECIDED_MS = 2_000;

/** @returns true when every live attempt passed and every attack was refused */
export async function runTrial(parts: TrialParts, { attempts, seconds, json }: TrialOptions): Promise<boolean> {
  const say = json ? () => undefined : parts.write;
  say(
    `The trial has ${attempts} attempts of each kind. Each lasts ${seconds} s from the first usable face. ` +
      'Use several people, photos and devices.\n',
  );
  const done: TrialAttempt[] = [];
  let threshold = 0;
  for (const presentation of PRESENTATIONS) {
    for (let number = 1; number <= attempts; number++) {
      await parts.ask(`\n${presentation} ${number} of ${attempts}: ${TASKS[presentation]}; then press Enter: `);
      const watched = await watchAttempt(parts, seconds);
      threshold = watched.threshold ?? threshold;
      const attempt = { presentation, samples: watched.samples, evidence: watched.evidence };
      done.push(attempt);
      const [judged] = judgeTrial([attempt], threshold).verdicts;
      const evidence = judged?.evidence ? `, evidence ${judged.evidence.join(' ')}` : '';
      const result =
        judged?.score === undefined
          ? 'no usable face was seen'
          : `${judged.verdict}, score ${judged.score.toFixed(2)}${evidence}`;
      say(`  ${result}, ${watched.samples.length} frames\n`);
    }
  }
  const report = judgeTrial(done, threshold);
  const { apcer, bpcer, suggested } = report;
  if (json) parts.write(`${JSON.stringify(report)}\n`);
  say(`\nthreshold ${threshold}\n`);
  say(`APCER print   ${formatRate(apcer.print)}\n`);
  say(`APCER screen  ${formatRate(apcer.screen)}\n`);
  say(`BPCER         ${formatRate(bpcer)}\n`);
  say(
    suggested
      ? `The threshold with the fewest errors in this trial is livenessThreshold: ${suggested.threshold} ` +
          `(APCER ${formatPercent(suggested.apcer)}, BPCER ${formatPercent(suggested.bpcer)})\n`
      : 'No threshold separates live people from attacks in this trial.\n',
  );
  say('A few attempts prove little: see the upper bounds. Repeat the trial for each camera and in each light.\n');
  return apcer.worst.errors === 0 && bpcer.errors === 0;
}

/** Collects scores and evidence of one attempt, for the given time from the first usable face on. */
async function watchAttempt(
  { lines, monotonicMs }: TrialParts,
  seconds: number,
): Promise<{ samples: TrialAttempt['samples']; evidence: Evidence; threshold?: number }> {
  const samples: { score: number; quality: number }[] = [];
  let evidence = NO_EVIDENCE;
  let decidedMs = Infinity;
  let threshold: number | undefined;
  let endMs = monotonicMs() + PATIENCE_MS;
  for await (const line of lines()) {
    threshold = line.threshold;
    if (line.score !== undefined && line.quality !== undefined) {
      if (samples.length === 0) {
        endMs = monotonicMs() + seconds * 1_000;
        decidedMs = monotonicMs() + DECIDED_MS;
      }
      samples.push({ score: line.score, quality: line.quality });
    }
    if (line.evidence && monotonicMs() <= decidedMs) evidence = line.evidence;
    if (monotonicMs() >= endMs) break;
  }
  return { samples, evidence, ...(threshold === undefined ? {} : { threshold }) };
}

function formatRate({ errors, attempts, rate, upper }: ErrorRate): string {
  if (attempts === 0) return 'not tried';
  return `${formatPercent(rate)} (${errors} of ${attempts}; with 95 % confidence at most ${formatPercent(upper)})`;
}

function formatPercent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** Waits for the next line of the input. @throws AppError STOPPED when the input ends: the person has given up */
export function askPerson(terminal: Interface, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(new AppError('STOPPED', 'the trial was stopped before its end'));
    terminal.once('close', giveUp);
    terminal.question(text).then(() => {
      terminal.off('close', giveUp);
      resolve();
    }, giveUp);
  });
}

/**
 * Runs the trial on the running service.
 * @throws AppError CAMERA_NOT_FOUND, CONFIG_INVALID, SERVICE_UNREACHABLE; SilentFailure when an attempt had the wrong result
 */
export async function runLivenessTrial(
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
    const hasPassed = await runTrial(
      {
        ask: (text) => askPerson(terminal, text),
        lines: () => readServiceLines(dataPaths(config).adminSocket, cameraId),
        monotonicMs: () => performance.now(),
        write: (text) => void stdout.write(text),
      },
      options,
    );
    if (!hasPassed) throw new SilentFailure('an attempt had the wrong result');
  } finally {
    terminal.close();
  }
}

async function* readServiceLines(socketPath: string, cameraId: string): AsyncGenerator<LivenessLine> {
  const body = await askService(socketPath, 'GET', makeLivenessPath(cameraId));
  if (!body) throw new AppError('SERVICE_UNREACHABLE', 'the trial needs the running service: start the service first');
  let rest = '';
  for await (const piece of body) {
    const lines = (rest + Buffer.from(piece).toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield livenessLineSchema.parse(JSON.parse(line));
  }
}
