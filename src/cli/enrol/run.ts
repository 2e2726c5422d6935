// The work of an enrolment: each picture is looked at, compared with those already enrolled, and registered.
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { AppError, describeError } from '../../errors.js';
import type { EnrolApi } from './api.js';
import { RefusedRequest } from './client.js';
import type { Journal, JournalKey } from './journal.js';
import { SAME_PICTURE, isRefused, judgeCount, judgeFace, judgeMatches, type PictureGauge } from './picture-check.js';
import { refusal, type Outcome, type Reason } from './picture-result.js';
import type { Picture } from './sources.js';

/** Requests under way at a time: one picture is looked at while another is registered. */
const AT_A_TIME = 2;

export interface EnrolmentOptions {
  api: Pick<EnrolApi, 'detect' | 'search' | 'register'>;
  gauge: Pick<PictureGauge, 'measure'>;
  journal: Pick<Journal, 'has' | 'add'>;
  /** What the journal's entries of this run have in common. */
  target: Pick<JournalKey, 'service' | 'group' | 'groupCreated'>;
  maxImageBytes: number;
  /** 1..100: from here on a face counts as somebody else's. */
  duplicateThreshold: number;
  strict: boolean;
  /** Begin nothing more. */
  signal: AbortSignal;
  /** In the order of the pictures, one after another. */
  onOutcome: (outcome: Outcome) => Promise<void>;
}

/** A picture that has passed every look at itself alone. */
interface Fit {
  base64: string;
  key: JournalKey;
  doubts: Reason[];
}

/**
 * Two pictures at a time are read and looked at; searching and registering go in the order of the pictures, one at a time, so that
 * of two pictures of one face under two names the first is always there when the second is searched for.
 * @throws AppError what ends the run: everything up to the last outcome is done and in the journal
 */
export async function enrolPictures(pictures: readonly Picture[], options: EnrolmentOptions): Promise<void> {
  const failure = new AbortController();
  const ended = AbortSignal.any([options.signal, failure.signal]);
  let next = 0;
  let done = 0;
  let turn: Promise<void> = Promise.resolve();

  const work = async (): Promise<void> => {
    while (!ended.aborted && next < pictures.length) {
      const picture = pictures[next++];
      const mine = turn;
      let pass = (): void => undefined;
      turn = new Promise<void>((resolve) => (pass = resolve));
      try {
        const looked = await lookAt(picture, options);
        await mine;
        if (ended.aborted) return;
        await options.onOutcome('outcome' in looked ? looked : await enrol(picture, looked, options));
        done++;
      } catch (error) {
        failure.abort();
        throw error;
      } finally {
        pass();
      }
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: AT_A_TIME }, work));
  const errors = workers.flatMap((worker) => (worker.status === 'rejected' ? [worker.reason as unknown] : []));
  if (errors.length > 0) throw errors[0];
  if (done < pictures.length) throw new AppError('STOPPED', 'stopped; the same command goes on where it was');
}

/** What can be said without the other pictures. */
async function lookAt(picture: Picture, options: EnrolmentOptions): Promise<Outcome | Fit> {
  const { path, externalImageId } = picture;
  const refuse = (...reasons: Reason[]): Outcome => refusal(path, externalImageId, ...reasons);
  const bytes = await readPicture(picture, options.maxImageBytes);
  if ('reason' in bytes) return refuse(bytes);
  const key: JournalKey = {
    ...options.target,
    externalImageId,
    picture: createHash('sha256').update(bytes).digest('hex'),
  };
  if (options.journal.has(key)) return { path, externalImageId, outcome: 'already', reasons: [] };
  try {
    const base64 = bytes.toString('base64');
    const faces = await options.api.detect(base64);
    const unfit = judgeCount(faces);
    if (unfit) return refuse(unfit);
    return { base64, key, doubts: judgeFace(faces[0], await options.gauge.measure(bytes, faces[0])) };
  } catch (error) {
    return refuse(reasonOf(error));
  }
}

async function enrol(picture: Picture, { base64, key, doubts }: Fit, options: EnrolmentOptions): Promise<Outcome> {
  const { path, externalImageId } = picture;
  const { api, journal, duplicateThreshold, strict } = options;
  const already: Outcome = { path, externalImageId, outcome: 'already', reasons: [] };
  // The same picture twice in one run.
  if (journal.has(key)) return already;
  try {
    const matches = await api.search(base64, Math.min(duplicateThreshold, SAME_PICTURE));
    // Enrolled before a kill that kept it out of the journal, or under another journal.
    const same = matches.find((match) => match.face.externalImageId === externalImageId);
    if (same && same.similarity >= SAME_PICTURE) {
      await journal.add({ ...key, faceId: same.face.faceId });
      return already;
    }
    const taken = judgeMatches(matches, { externalImageId, threshold: duplicateThreshold });
    const reasons = taken ? [...doubts, taken] : doubts;
    if (isRefused(reasons, strict)) return refusal(path, externalImageId, ...reasons);
    const faceId = await api.register(base64, externalImageId);
    if (faceId === undefined) {
      const reason: Reason = { reason: 'not-accepted', detail: 'the service takes no face of it' };
      return refusal(path, externalImageId, ...reasons, reason);
    }
    await journal.add({ ...key, faceId });
    return { path, externalImageId, outcome: reasons.length > 0 ? 'doubtful' : 'enrolled', reasons, faceId };
  } catch (error) {
    return refusal(path, externalImageId, ...doubts, reasonOf(error));
  }
}

/** What is too large is not read. */
async function readPicture({ file }: Picture, maxBytes: number): Promise<Buffer | Reason> {
  try {
    const { size } = await stat(file);
    if (size > maxBytes) return { reason: 'too-large', detail: `${size} bytes; ${maxBytes} at most` };
    return await readFile(file);
  } catch (error) {
    return { reason: 'unreadable', detail: `it cannot be read (${(error as NodeJS.ErrnoException).code})` };
  }
}

/** @throws the error, where it is none of the picture's own */
function reasonOf(error: unknown): Reason {
  if (error instanceof RefusedRequest) {
    const { resultCode, message } = error;
    if (resultCode === -45020) return { reason: 'too-large', detail: message };
    if (resultCode <= -45000 && resultCode > -46000) return { reason: 'unreadable', detail: message };
    return { reason: 'service-error', detail: `${resultCode}: ${message}` };
  }
  if (error instanceof AppError && error.code.includes('IMAGE')) {
    return { reason: 'unreadable', detail: describeError(error) };
  }
  throw error;
}
