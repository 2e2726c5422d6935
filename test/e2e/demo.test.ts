// The commands that a newcomer runs: lintel demo, lintel pictures, and those of the README.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bestModels, modelSetsAtHand, type ModelsAtHand } from '../support/model-sets.js';
import { CLI, startService } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

interface Demonstration {
  set: ModelsAtHand['set'];
  output: string;
  exitCode: unknown;
  /** Files that remained in its folder for temporary files. */
  left: string[];
}

/** Runs the demonstration until it has announced the stranger. Resolves when its ports are open: two demonstrations use the same ports. */
async function demonstrate({ set, modelsDir }: ModelsAtHand): Promise<{ over: Promise<Demonstration> }> {
  const TMPDIR = tempDir();
  // This is the state of a clone without a network: the built-in models run because the configured ones are missing.
  const LINTEL_MODELS_DIR = set === 'builtin' ? join(tempDir(), 'none') : modelsDir;
  const env = { ...process.env, TMPDIR, LINTEL_MODELS_DIR };
  const demo = spawn(process.execPath, [CLI, 'demo'], { stdio: ['ignore', 'pipe', 'pipe'], env });
  onTestFinished(() => void demo.kill('SIGKILL'));
  let output = '';
  demo.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  demo.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exited = new Promise((resolve) => demo.once('exit', resolve));
  await expect.poll(() => output, { timeout: 30_000 }).toContain('Ctrl-C ends the demonstration');
  const end = async (): Promise<Demonstration> => {
    await expect.poll(() => output, { timeout: 30_000 }).toMatch(/UNKNOWN nobody who is enrolled/);
    demo.kill('SIGINT');
    return { set, output, exitCode: await exited, left: readdirSync(TMPDIR) };
  };
  return { over: end() };
}

describe('the demonstration', () => {
  it('enrols the guest of its clip, prints the match, ends at Ctrl-C and leaves nothing behind, with each model set', async () => {
    const ends: Promise<Demonstration>[] = [];
    for (const models of modelSetsAtHand) ends.push((await demonstrate(models)).over);
    for (const { set, output, exitCode, left } of await Promise.all(ends)) {
      expect([set, exitCode, left]).toEqual([set, 0, []]);
      const faceId = /enrolled +guest, faceId (\S+),/.exec(output)?.[1];
      expect(output.match(/MATCH +guest, similarity 9\d/g), set).toHaveLength(1);
      expect(output).toContain(`"faceId":"${faceId}"`);
      const warning = /^\d\d:\d\d:\d\d {2}WARN +the built-in models run, because \S+ of the set standard is missing/m;
      if (set === 'builtin') expect(output).toMatch(warning);
      else expect(output).not.toContain('WARN');
      expect(output).not.toContain('"failed"');
    }
  }, 90_000);

  it("the README's own lines, copied, enrol a face and find it", async () => {
    const folder = tempDir();
    const service = await startService({ folder: join(folder, 'home'), ...bestModels });
    onTestFinished(async () => void (await service.stop()));
    // The paths are those of a checkout: ./scripts/lintel, and the keys under var/.
    mkdirSync(join(folder, 'var'));
    symlinkSync(join(root, 'scripts'), join(folder, 'scripts'));
    symlinkSync(join(folder, 'home', 'keys'), join(folder, 'var', 'keys'));
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    const section = readme.slice(readme.indexOf('## Enrol a face and find it'), readme.indexOf('## A camera'));
    const commands = [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]);
    expect(commands).toHaveLength(3);
    const script = commands.join('echo\n').replace('http://127.0.0.1:8080', service.url);
    const output = execFileSync('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder, encoding: 'utf8' });
    expect(existsSync(join(folder, 'pictures', 'guest-1.jpg'))).toBe(true);
    const parsed = output
      .split(/(?=\{"header")/)
      .slice(1)
      .map((text) => JSON.parse(text) as { header: object; data?: Record<string, unknown> });
    expect(parsed.map(({ header }) => header)).toEqual(
      new Array(4).fill({ isSuccessful: true, resultCode: 0, resultMessage: 'Success' }),
    );
    const [, registered, found, stranger] = parsed.map(({ data }) => data);
    expect(registered).toMatchObject({ addedFaceCount: 1, addedFaces: [{ externalImageId: 'guest' }] });
    expect(found).toMatchObject({ matchFaceCount: 1, matchFaces: [{ face: { externalImageId: 'guest' } }] });
    expect(stranger).toMatchObject({ matchFaceCount: 0 });
  }, 60_000);
});
