// `npm run render`: renders the clip and the pictures that the repository holds, and writes them in their places.
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadAddon } from '../../src/native/addon.js';
import { renderCommittedFiles } from './committed-files.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'lintel-render-'));
try {
  for (const [path, bytes] of await renderCommittedFiles(loadAddon(), folder)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), bytes);
    process.stdout.write(`${path}: ${bytes.length} bytes\n`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
