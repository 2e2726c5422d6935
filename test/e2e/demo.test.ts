// What a newcomer runs: lintel demo, lintel pictures, and the README's own commands.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { missing, sharedModelsDir } from '../support/shared.js';
import { CLI, startService } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const demoFolders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('lintel-demo-'));

describe.skipIf(missing('the demonstration', sharedModelsDir))('the demonstration', () => {
  it('enrols the guest of its clip, prints the match, ends at Ctrl-C and leaves nothing behind', async () => {
    const before = demoFolders();
    const env = { ...process.env, LINTEL_MODELS_DIR: sharedModelsDir };
    const demo = spawn(process.execPath, [CLI, 'demo'], { stdio: ['ignore', 'pipe', 'pipe'], env });
    onTestFinished(() => void demo.kill('SIGKILL'));
    let output = '';
    demo.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    demo.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const exited = new Promise((resolve) => demo.once('exit', resolve));
    await expect.poll(() => output, { timeout: 40_000 }).toMatch(/UNKNOWN nobody who is enrolled/);
    demo.kill('SIGINT');
    expect(await exited).toBe(0);
    const faceId = /enrolled +guest, faceId (\S+),/.exec(output)?.[1];
    expect(output.match(/MATCH +guest, similarity 9\d/g)).toHaveLength(1);
    expect(output).toContain(`"faceId":"${faceId}"`);
    expect(demoFolders()).toEqual(before);
  }, 60_000);

  it("the README's own lines, copied, enrol a face and find it", async () => {
    const folder = tempDir();
    const service = await startService({ folder: join(folder, 'home'), modelsDir: sharedModelsDir ?? '' });
    onTestFinished(async () => void (await service.stop()));
    // As in a checkout: ./scripts/lintel, and the keys under var/.
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
