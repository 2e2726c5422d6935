// The work of an enrolment: checks each picture, compares it with the enrolled faces, and registers it.
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { EnrolmentPolicy } from '../../domain/enrolment-policy.js';
import { AppError, describeError } from '../../errors.js';
import type { EnrolApi } from './api.js';
import { RefusedRequest } from './client.js';
import type { EnrolmentJournal, JournalKey } from './journal.js';
import { MAX_PHOTO_BYTES, type PhotoConverter } from './photo-converter.js';
import { SAME_PICTURE, isRefused, judgeCount, judgeFace, judgeMatches, type PictureGauge } from './picture-check.js';
import { refusePicture, type PictureReason, type PictureResult } from './picture-result.js';
import type { SourcePicture } from './sources.js';

/** Number of pictures that are processed at the same time: one is checked while another is registered. */
const CONCURRENCY = 2;

export interface EnrolmentOptions {
  api: Pick<EnrolApi, 'detect' | 'search' | 'register'>;
  gauge: Pick<PictureGauge, 'measure'>;
  converter: Pick<PhotoConverter, 'prepare'>;
  journal: Pick<EnrolmentJournal, 'has' | 'add'>;
  /** The fields that the journal's entries of this run have in common. */
  target: Pick<JournalKey, 'service' | 'group' | 'groupCreated'>;
  /** Similarity (1..100) from which a face counts as another person's. */
  duplicateThreshold: number;
  /** Policy that the service applies, unless that of the group is stricter. */
  enrolment: EnrolmentPolicy;
  /** Refuses doubtful pictures too. */
  strict: boolean;
  /** Aborts when no more pictures are to be started. */
  signal: AbortSignal;
  /** Called with each result, in the order of the pictures, one at a time. */
  onResult: (result: PictureResult) => Promise<void>;
}

/** A picture that has passed every check that needs no other picture. */
interface CheckedPicture {
  base64: string;
  key: JournalKey;
  doubts: PictureReason[];
}

/**
 * Reads and checks two pictures at a time. Searches and registrations follow in the order of the pictures, one at a time: when two
 * pictures show one face under two names, the first is always registered before the search for the second.
 * @throws AppError that ends the run; every picture before it is finished and in the journal. STOPPED when the signal aborts
 */
export async function enrolPictures(pictures: readonly SourcePicture[], options: EnrolmentOptions): Promise<void> {
  const failure = new AbortController();
  const ended = AbortSignal.any([options.signal, failure.signal]);
  const remaining = pictures.values();
  let done = 0;
  let previous: Promise<void> = Promise.resolve();

  const work = async (): Promise<void> => {
    while (!ended.aborted) {
      const { value: picture } = remaining.next();
      if (!picture) return;
      const turn = previous;
      let endTurn = (): void => undefined;
      previous = new Promise<void>((resolve) => (endTurn = resolve));
      try {
        const checked = await checkPicture(picture, options);
        await turn;
        if (ended.aborted) return;
        await options.onResult('outcome' in checked ? checked : await registerPicture(picture, checked, options));
        done++;
      } catch (error) {
        failure.abort();
        throw error;
      } finally {
        endTurn();
      }
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: CONCURRENCY }, work));
  const errors = workers.flatMap((worker) => (worker.status === 'rejected' ? [worker.reason as unknown] : []));
  if (errors.length > 0) throw errors[0];
  if (done < pictures.length) throw new AppError('STOPPED', 'stopped; run the same command again to continue');
}

/** Makes the checks that need no other picture. @returns a result where the picture is refused, or was enrolled before */
async function checkPicture(
  picture: SourcePicture,
  options: EnrolmentOptions,
): Promise<PictureResult | CheckedPicture> {
  const { path, externalImageId } = picture;
  const refuse = (...reasons: PictureReason[]): PictureResult => refusePicture(path, externalImageId, ...reasons);
  const file = await readPicture(picture);
  if ('reason' in file) return refuse(file);
  const key: JournalKey = {
    ...options.target,
    externalImageId,
    picture: createHash('sha256').update(file).digest('hex'),
  };
  if (options.journal.has(key)) return { path, externalImageId, outcome: 'already', reasons: [] };
  try {
    const bytes = await options.converter.prepare(file);
    const base64 = bytes.toString('base64');
    const faces = await options.api.detect(base64);
    const [face] = faces;
    const unfit = judgeCount(faces);
    if (!face || unfit) return refuse(...(unfit ? [unfit] : []));
    return { base64, key, doubts: judgeFace(face, await options.gauge.measure(bytes, face)) };
  } catch (error) {
    return refuse(explainRefusal(error));
  }
}

async function registerPicture(
  picture: SourcePicture,
  { base64, key, doubts }: CheckedPicture,
  options: EnrolmentOptions,
): Promise<PictureResult> {
  const { path, externalImageId } = picture;
  const { api, journal, duplicateThreshold, enrolment, strict } = options;
  const already: PictureResult = { path, externalImageId, outcome: 'already', reasons: [] };
  // The same picture may come twice in one run.
  if (journal.has(key)) return already;
  try {
    const matches = await api.search(base64, Math.min(duplicateThreshold, SAME_PICTURE));
    // A run that was killed, or that had another journal, may have enrolled this picture before.
    const same = matches.find((match) => match.face.externalImageId === externalImageId);
    if (same && same.similarity >= SAME_PICTURE) {
      await journal.add({ ...key, faceId: same.face.faceId });
      return already;
    }
    const taken = judgeMatches(matches, { externalImageId, threshold: duplicateThreshold });
    const reasons = taken ? [...doubts, taken] : [...doubts];
    if (isRefused(reasons, strict)) return refusePicture(path, externalImageId, ...reasons);
    const { faceId, detail } = await api.register(base64, externalImageId, enrolment);
    if (faceId === undefined) {
      const reason: PictureReason = {
        reason: 'not-accepted',
        detail: detail ?? 'the service accepts no face of this picture',
      };
      return refusePicture(path, externalImageId, ...reasons, reason);
    }
    if (detail !== undefined) reasons.push({ reason: 'identity', detail });
    await journal.add({ ...key, faceId });
    return { path, externalImageId, outcome: reasons.length > 0 ? 'doubtful' : 'enrolled', reasons, faceId };
  } catch (error) {
    return refusePicture(path, externalImageId, ...doubts, explainRefusal(error));
  }
}

/** Reads the file, unless it is too large. @returns the bytes, or the reason to refuse the picture */
async function readPicture({ file }: SourcePicture): Promise<Buffer | PictureReason> {
  try {
    const { size } = await stat(file);
    if (size > MAX_PHOTO_BYTES) {
      return { reason: 'too-large', detail: `the file has ${size} bytes; at most ${MAX_PHOTO_BYTES} are allowed` };
    }
    return await readFile(file);
  } catch (error) {
    return { reason: 'unreadable', detail: `the file cannot be read (${(error as NodeJS.ErrnoException).code})` };
  }
}

/** @returns the reason to refuse one picture @throws the error where it is not about this picture */
function explainRefusal(error: unknown): PictureReason {
  if (error instanceof RefusedRequest) {
    const { resultCode, message } = error;
    if (resultCode === -45020) return { reason: 'too-large', detail: message };
    if (resultCode <= -45000 && resultCode > -46000) return { reason: 'unreadable', detail: message };
    return { reason: 'service-error', detail: `${resultCode}: ${message}` };
  }
  if (error instanceof AppError && error.code.includes('IMAGE')) {
    return { reason: error.code === 'IMAGE_TOO_LARGE' ? 'too-large' : 'unreadable', detail: describeError(error) };
  }
  throw error;
}
