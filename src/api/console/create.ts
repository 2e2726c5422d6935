// The console as a part of the HTTP server: hands out its files below /console/ under a strict policy, and leads there from /.
import type { Context, Middleware } from 'koa';
import type { Config } from '../../config/schema.js';
import type { MountedApi } from '../core/server.js';
import { PAGE, type ConsoleFile } from './console-files.js';

/** Path of the page. */
export const CONSOLE_BASE = '/console/';

const NOT_BUILT = 'The console is not built. Build it with: npm run build\n';

export interface ConsoleParts {
  config: Pick<Config, 'console'>;
  /** See readConsoleFiles. */
  files: ReadonlyMap<string, ConsoleFile>;
}

/** Creates the console. Its files are public, as its source is; what they show comes from the device API, which asks for a session. */
export function createConsole({ config, files }: ConsoleParts): MountedApi {
  const headers = makeHeaders(config.console.frameAncestors);
  return {
    middleware: () => (config.console.enabled ? serveFiles(files, headers) : async (_ctx, next) => void (await next())),
  };
}

function serveFiles(files: ReadonlyMap<string, ConsoleFile>, headers: Readonly<Record<string, string>>): Middleware {
  return async (ctx, next) => {
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return void (await next());
    // Relative, so that a reverse proxy may serve Lintel below a path of its own.
    if (ctx.path === '/') return redirect(ctx, 'console/');
    if (ctx.path === '/console') return redirect(ctx, 'console/');
    if (!ctx.path.startsWith(CONSOLE_BASE)) return void (await next());
    ctx.set(headers);
    const file = files.get(ctx.path.slice(CONSOLE_BASE.length) || PAGE);
    if (file) return sendFile(ctx, file);
    ctx.status = files.size === 0 ? 503 : 404;
    ctx.type = 'text/plain';
    ctx.body = files.size === 0 ? NOT_BUILT : 'Not Found\n';
  };
}

function redirect(ctx: Context, location: string): void {
  ctx.status = 302;
  ctx.set({ location, 'cache-control': 'no-store' });
  ctx.body = '';
}

function sendFile(ctx: Context, { contentType, body, gzipped, etag, isImmutable }: ConsoleFile): void {
  ctx.status = 200;
  ctx.set({ etag, vary: 'Accept-Encoding' });
  // A browser asks for the page each time: it names the files of this version.
  ctx.set('cache-control', isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache');
  if (ctx.fresh) {
    ctx.status = 304;
    return;
  }
  const isGzipped = ctx.acceptsEncodings('gzip', 'identity') === 'gzip';
  if (isGzipped) ctx.set('content-encoding', 'gzip');
  ctx.body = isGzipped ? gzipped : body;
  ctx.set('content-type', contentType);
}

/**
 * Makes the headers of every answer: the page loads its own files alone, runs no inline script, sends no form, makes no HTML from text,
 * and is framed by nobody but the configured origins.
 */
function makeHeaders(frameAncestors: readonly string[]): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    `frame-ancestors ${frameAncestors.length === 0 ? "'none'" : frameAncestors.join(' ')}`,
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ];
  return {
    'content-security-policy': policy.join('; '),
    ...(frameAncestors.length === 0 && { 'x-frame-options': 'DENY' }),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=()',
  };
}
