// The process in which a running service has its doctor's report made: it gets one order, sends what it finds, and ends.
import { isDeepStrictEqual } from 'node:util';
import { setPriority } from 'node:os';
import { loadConfig } from '../../config/load.js';
import { dataPaths } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import { fail, ok, warn, type DoctorFinding } from '../../domain/doctor.js';
import { describeError } from '../../errors.js';
import type { DoctorMessage, DoctorOrder } from '../../ops/doctor-process.js';
import { listConfiguredChecks, listMachineChecks, type DoctorContext } from './checks.js';
import { collectSecrets, createRedactor } from './redact.js';
import { runCheck, type DoctorCheck } from './report.js';
import { isServiceRunning } from './service.js';

/** Everything else on the device comes first. */
const LOWEST_PRIORITY = 19;
/** Checks that open the store or the cameras themselves where they find no running service. */
const ASK_THE_SERVICE = new Set(['keys', 'records', 'audit', 'groups', 'models', 'cameras', 'fleet']);

process.once('message', (order: DoctorOrder) => {
  void examine(order).then(
    () => process.disconnect(),
    () => process.exit(1),
  );
});

async function examine({ config: inForce, configFile, port, environment }: DoctorOrder): Promise<void> {
  lowerPriority();
  const context: DoctorContext = { environment, clock: Date.now };
  const redact = createRedactor(await collectSecrets(inForce, environment));
  const config: Config = { ...inForce, http: { ...inForce.http, port } };
  const isReachable = await isServiceRunning(dataPaths(config).adminSocket);
  const checks = [
    ...listMachineChecks(context, {}),
    ...listConfiguredChecks({ config, file: configFile }, context, {}),
  ];
  for (const check of checks) {
    send({ began: check.title });
    const findings = await runCheck(
      pickCheck(check, isReachable, () => checkConfigFile(inForce, configFile)),
      redact,
    );
    send({ checked: { title: check.title, findings } });
  }
  send({ done: true });
}

function pickCheck(check: DoctorCheck, isReachable: boolean, checkFile: DoctorCheck['run']): DoctorCheck {
  if (check.title === 'config') return { ...check, run: checkFile };
  if (isReachable || !ASK_THE_SERVICE.has(check.title)) return check;
  return { ...check, run: () => [warn('not checked: the admin socket of the service does not answer')] };
}

/** Checks the file as it is now, which may have been changed since the service read it. */
async function checkConfigFile(inForce: Config, file: string | undefined): Promise<DoctorFinding[]> {
  if (file === undefined) return [ok('no configuration file: the defaults are used')];
  try {
    const { config } = await loadConfig({ file, cwd: '/', environment: {} });
    if (isDeepStrictEqual(config, inForce)) return [ok(file)];
  } catch (error) {
    return [fail(describeError(error))];
  }
  return [warn(`${file} was changed since the service started: restart the service, so that the changes apply`)];
}

function lowerPriority(): void {
  try {
    setPriority(LOWEST_PRIORITY);
  } catch {
    // A system that forbids it: the report is made all the same.
  }
}

function send(message: DoctorMessage): void {
  process.send?.(message);
}
