// The doctor of a whole service over the device API: the report of its own process, with nothing that is secret.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { formatReport, type DoctorReport } from '../../src/domain/doctor.js';
import { builtinModels } from '../support/model-sets.js';
import { startService } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';

it(
  'checks the running service as the command does, and asks it in place of opening what is in use',
  { timeout: 120_000 },
  async () => {
    const folder = tempDir();
    const service = await startService({ folder, modelsDir: builtinModels.modelsDir, set: 'builtin' });
    const key = readFileSync(join(folder, 'keys/admin-key'), 'utf8').trim();
    const ask = (path: string): Promise<Response> =>
      fetch(`${service.url}/device/v1${path}`, { headers: { authorization: `Bearer ${key}` } });
    const answer = await ask('/doctor');
    expect(answer.status).toBe(200);
    const report = (await answer.json()) as DoctorReport;
    const titles = [
      'node',
      'platform',
      'memory',
      'heat',
      'clock',
      'libraries',
      'addon',
      'video',
      'unit',
      'config',
      'data',
    ];
    const rest = [
      'keys',
      'certificates',
      'records',
      'audit',
      'models',
      'groups',
      'cameras',
      'broker',
      'fleet',
      'service',
    ];
    expect(report.checks.map(({ title }) => title)).toEqual([...titles, ...rest]);
    const find = (title: string) => report.checks.find((check) => check.title === title)?.findings ?? [];
    expect(find('config')).toEqual([{ level: 'ok', text: join(folder, 'lintel.yaml') }]);
    expect(find('records')[0]).toMatchObject({ level: 'ok', text: expect.stringContaining('add up') });
    expect(find('models').at(-1)?.text).toBe('not run: the running service uses the models, and reports on them below');
    expect(find('service').map(({ text }) => text)).toContainEqual(expect.stringMatching(/^vision: ok, .*providers /));
    // The second request gets the same report, as text.
    const text = await (await ask('/doctor?format=text')).text();
    expect(text).toBe(formatReport(report));
    for (const name of ['admin-key', 'app-key', 'master.key']) {
      expect(text).not.toContain(readFileSync(join(folder, 'keys', name), 'utf8').trim());
    }
    expect(await service.stop()).toBe(0);
  },
);
