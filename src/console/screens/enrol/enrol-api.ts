// The two ways to enrol, as requests: from a camera with its lines of progress, and from a picture file.
import type { enrolmentAnswer, pictureEnrolmentAnswer, progressLine } from '../../../api/device/enrol-answers.js';
import type { errorAnswer } from '../../../api/device/answers.js';
import { ApiError, endSession, makeUrl, request } from '../../api/client.js';
import type { Answer } from '../../api/types.js';

export type CameraEnrolment = Answer<typeof enrolmentAnswer>;
export type PictureEnrolment = Answer<typeof pictureEnrolmentAnswer>;
export type RefusedAnswer = Answer<typeof errorAnswer>['error'];
type Line = Answer<typeof progressLine>;
export type Progress = Extract<Line, { type: 'progress' }>;

/** Who is to be enrolled. */
export interface Wish {
  appKey: string;
  group: string;
  externalImageId: string;
}

/**
 * Enrols the person in front of a camera. The enrolment ends on the device when the signal is aborted.
 * @throws ApiError; AbortError
 */
export async function enrolFromCamera(
  cameraId: string,
  wish: Wish & { faces: 1 | 3; timeoutMs: number },
  { onProgress, signal }: { onProgress: (progress: Progress) => void; signal: AbortSignal },
): Promise<CameraEnrolment> {
  const url = makeUrl(`cameras/${encodeURIComponent(cameraId)}/enrol`, { progress: true });
  const response = await request('POST', url, { json: wish, signal });
  try {
    for await (const text of readLines(response)) {
      const line = JSON.parse(text) as Line;
      if (line.type === 'result') return line.result;
      if (line.type === 'error') throw makeError(line.error);
      onProgress(line);
    }
  } catch (error) {
    if (error instanceof ApiError || signal.aborted) throw error;
  }
  throw new ApiError(0, { code: 'OFFLINE', message: '' });
}

/** Enrols the person of a picture. @throws ApiError; AbortError */
export async function enrolFromPicture(file: Blob, wish: Wish, signal: AbortSignal): Promise<PictureEnrolment> {
  const { group, ...query } = wish;
  const url = makeUrl(`groups/${encodeURIComponent(group)}/enrol`, query);
  // The bytes tell the device what kind of file it is; the type of the browser follows the name of the file alone.
  const headers = { 'content-type': 'application/octet-stream' };
  const response = await request('POST', url, { body: file, headers, signal });
  return (await response.json()) as PictureEnrolment;
}

function makeError(refusal: RefusedAnswer): ApiError {
  if (refusal.code === 'UNAUTHORIZED_ADMIN_KEY') endSession();
  const { reason, ...rest } = refusal;
  return new ApiError(200, { ...rest, ...(reason && { reason }) });
}

/** Yields the lines of a text that arrives in pieces. @throws TypeError when the connection breaks */
export async function* readLines(response: Pick<Response, 'body'>): AsyncGenerator<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) break;
    const lines = (rest + value).split('\n');
    rest = lines.pop() ?? '';
    yield* lines.filter((line) => line !== '');
  }
  if (rest !== '') yield rest;
}
