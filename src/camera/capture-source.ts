// Translates a configured camera into the options of a capture, and removes secrets from texts about its source.
import type { CameraConfig, SourceConfig } from '../config/camera-schema.js';
import type { CaptureOptions } from '../native/addon.js';

/** Makes the options of a capture from the configuration. @param password password of the source's user; it is used in the URL only */
export function makeCaptureOptions(config: CameraConfig, password: string | undefined): CaptureOptions {
  const { source, openTimeoutMs, readTimeoutMs, rotate, flip, region } = config;
  const format =
    source.type === 'device'
      ? { widthPx: source.widthPx, heightPx: source.heightPx, fps: source.fps }
      : { widthPx: 0, heightPx: 0, fps: 0 };
  return {
    source: captureSource(source, password),
    ...format,
    openTimeoutMs,
    readTimeoutMs,
    rotate,
    flip,
    ...(region === undefined ? {} : { region }),
  };
}

function captureSource(source: SourceConfig, password: string | undefined): CaptureOptions['source'] {
  switch (source.type) {
    case 'device':
      return { type: 'device', path: source.path };
    case 'gstreamer':
      return { type: 'gstreamer', pipeline: source.pipeline };
    case 'file':
      return { type: 'file', path: source.path, loop: source.loop, realTime: source.realTime };
    case 'url':
      return { type: 'url', url: addUser(source, password), transport: source.transport };
    case 'snapshot':
      return { type: 'snapshot', url: addUser(source, password), everyMs: source.everyMs };
  }
}

/** Adds user and password to the URL of a source. */
function addUser(source: { url: string; username?: string | undefined }, password: string | undefined): string {
  const url = new URL(source.url);
  // The setters do not escape '%', which the other end would read as an escape.
  if (source.username !== undefined) url.username = encodeURIComponent(source.username);
  if (password !== undefined) url.password = encodeURIComponent(password);
  return url.href;
}

/**
 * Removes user and password from the error text of a back-end, which may contain the URL.
 * @returns one line of at most 300 characters
 */
export function withoutSecrets(text: string, password: string | undefined): string {
  let clean = text.replace(/\/\/[^/\s]*@/g, '//***@');
  if (password) clean = clean.replaceAll(encodeURIComponent(password), '***').replaceAll(password, '***');
  return clean.replace(/\s+/g, ' ').trim().slice(0, 300);
}
