// What the addon is asked to open for a camera, and how a source is spoken of without its secrets.
import type { CameraConfig, SourceConfig } from '../config/schema.js';
import type { CaptureOptions } from '../native/addon.js';

/** @param password of the source's user; goes into the URL and nowhere else */
export function captureOptions(config: CameraConfig, password: string | undefined): CaptureOptions {
  const { source, openTimeoutMs, readTimeoutMs, rotate, flip, region } = config;
  const asked =
    source.type === 'device'
      ? { widthPx: source.widthPx, heightPx: source.heightPx, fps: source.fps }
      : { widthPx: 0, heightPx: 0, fps: 0 };
  return {
    source: captureSource(source, password),
    ...asked,
    openTimeoutMs,
    readTimeoutMs,
    rotate,
    flip,
    ...(region === undefined ? {} : { region }),
  };
}

/**
 * Whether the time stamps of the frames say when they were taken. Those of a file do not; a pipeline's are told on the clock of the
 * reader; over HTTP (joined JPEGs) they are made up or absent. A device keeps four pictures at most, and cannot be late.
 */
export function hasTimestamps(source: SourceConfig): boolean {
  return source.type === 'url' && !/^https?:/i.test(source.url);
}

function captureSource(source: SourceConfig, password: string | undefined): CaptureOptions['source'] {
  switch (source.type) {
    case 'device':
      return { type: 'device', path: source.path };
    case 'gstreamer':
      return { type: 'gstreamer', pipeline: source.pipeline };
    case 'file':
      return { type: 'file', path: source.path, loop: source.loop, realTime: source.realTime };
    case 'url': {
      const url = new URL(source.url);
      // The setters leave a '%' as it is, which the other end would take for an escape.
      if (source.username !== undefined) url.username = encodeURIComponent(source.username);
      if (password !== undefined) url.password = encodeURIComponent(password);
      return { type: 'url', url: url.href };
    }
  }
}

/** A back-end's words may repeat the URL it was given. @returns them without user and password, in one line of at most 300 characters */
export function withoutSecrets(words: string, password: string | undefined): string {
  let clean = words.replace(/\/\/[^/\s]*@/g, '//***@');
  if (password) clean = clean.replaceAll(encodeURIComponent(password), '***').replaceAll(password, '***');
  return clean.replace(/\s+/g, ' ').trim().slice(0, 300);
}
