// Network cameras as processes that can be killed, stopped and started again: a real RTSP server, and ffmpeg as an HTTP server.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The python3 of Debian, which has the bindings. Another python3 may come first in the PATH. */
const PYTHON = '/usr/bin/python3';
const RTSP_SERVER = fileURLToPath(new URL('./rtsp-server.py', import.meta.url));
const RESPAWN_MS = 50;

export interface StreamServer {
  readonly name: string;
  readonly url: string;
  /** Starts the server. Resolves when it listens or is about to listen. */
  start(): Promise<void>;
  /** Kills the server with SIGKILL. Resolves when it has ended. */
  kill(): Promise<void>;
  /** Stops the process with SIGSTOP. */
  stall(): void;
  /** Continues the process with SIGCONT. */
  go(): void;
  /** Shows one still picture in a stream that goes on, or moves again; undefined if the server cannot do that. */
  readonly quieten?: (isQuiet: boolean) => void;
}

/** Returns why no RTSP server can run on this machine; undefined when one can. */
export function explainMissingRtspServer(): string | undefined {
  const probe = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer";
  const { status } = spawnSync(PYTHON, ['-c', probe], { stdio: 'ignore' });
  return status === 0 ? undefined : 'no RTSP server: install gir1.2-gst-rtsp-server-1.0 and python3-gi';
}

/** Returns why no HTTP stream can run on this machine; undefined when one can. */
export function explainMissingHttpStream(): string | undefined {
  const { status } = spawnSync('ffmpeg', ['-version'], { stdio: 'ignore' });
  return status === 0 ? undefined : 'no stream over HTTP: install ffmpeg';
}

/** Creates a camera over the RTSP server of GStreamer. @param port stays the same when the server is started again */
export function createRtspServer(port: number): StreamServer & { quieten: (isQuiet: boolean) => void } {
  let child: ChildProcess | undefined;
  return {
    name: 'rtsp',
    url: `rtsp://127.0.0.1:${port}/door`,
    async start() {
      const started = spawn(PYTHON, [RTSP_SERVER, String(port)], { stdio: ['pipe', 'pipe', 'ignore'] });
      child = started;
      const lines = createInterface({ input: started.stdout });
      await Promise.race([
        once(lines, 'line'),
        once(started, 'exit').then(() => Promise.reject(new Error('it ended'))),
      ]);
      lines.close();
    },
    kill: () => killed(child),
    stall: () => void child?.kill('SIGSTOP'),
    go: () => void child?.kill('SIGCONT'),
    quieten: (isQuiet) => void child?.stdin?.write(isQuiet ? 'quiet\n' : 'lively\n'),
  };
}

/** Creates a camera of joined JPEGs over the HTTP server of ffmpeg, which ends after each client and is then started again. */
export function createHttpStream(port: number): StreamServer {
  const url = `http://127.0.0.1:${port}/door`;
  const picture = ['-re', '-f', 'lavfi', '-i', 'testsrc2=size=320x240:rate=25'];
  let child: ChildProcess | undefined;
  let isWanted = false;
  const run = (): void => {
    const started = spawn('ffmpeg', ['-loglevel', 'quiet', ...picture, '-f', 'mpjpeg', '-listen', '1', url], {
      stdio: 'ignore',
    });
    child = started;
    started.once('exit', () => {
      if (isWanted && child === started) setTimeout(() => isWanted && child === started && run(), RESPAWN_MS);
    });
  };
  return {
    name: 'http',
    url,
    async start() {
      isWanted = true;
      run();
    },
    kill: () => {
      isWanted = false;
      return killed(child);
    },
    stall: () => void child?.kill('SIGSTOP'),
    go: () => void child?.kill('SIGCONT'),
  };
}

async function killed(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
