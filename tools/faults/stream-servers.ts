// Cameras on the network as processes: a real RTSP server and ffmpeg's HTTP, to be killed, stopped and started again.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Debian's own, which has the bindings: another python3 may come first in the PATH. */
const PYTHON = '/usr/bin/python3';
const RTSP_SERVER = fileURLToPath(new URL('./rtsp-server.py', import.meta.url));
const RESPAWN_MS = 50;

export interface StreamServer {
  readonly name: string;
  readonly url: string;
  /** Resolves when it listens, or is about to. */
  start(): Promise<void>;
  /** kill -9; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP, and SIGCONT. */
  stall(): void;
  go(): void;
  /** The same picture for ever; undefined where it cannot. */
  readonly freeze?: (frozen: boolean) => void;
}

/** @returns why there is no RTSP server here, or undefined */
export function explainMissingRtspServer(): string | undefined {
  const probe = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer";
  const { status } = spawnSync(PYTHON, ['-c', probe], { stdio: 'ignore' });
  return status === 0 ? undefined : 'no RTSP server: install gir1.2-gst-rtsp-server-1.0 and python3-gi';
}

/** @returns why there is no HTTP stream here, or undefined */
export function explainMissingHttpStream(): string | undefined {
  const { status } = spawnSync('ffmpeg', ['-version'], { stdio: 'ignore' });
  return status === 0 ? undefined : 'no stream over HTTP: install ffmpeg';
}

/** GStreamer's RTSP server; @param port it keeps over all its lives */
export function createRtspServer(port: number): StreamServer & { freeze: (frozen: boolean) => void } {
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
    freeze: (frozen) => void child?.stdin?.write(frozen ? 'freeze\n' : 'thaw\n'),
  };
}

/** ffmpeg as an HTTP server of joined JPEGs. It serves one client and ends with it: then it is started again. */
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
