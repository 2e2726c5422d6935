// The check of a start: the top root against its records, and its version against the counter outside of the data directory.
import type { AuditEntry } from '../domain/audit.js';
import type { Log } from '../domain/log.js';
import { AppError } from '../errors.js';
import { readCounter, writeCounter, type CounterMark } from './counter.js';
import type { Operation } from './records.js';
import { newStoreId, PENDING, type TopRoot } from './root-records.js';
import type { Roots } from './roots.js';
import type { RandomBytes } from './sealing.js';
import type { Space } from './space.js';
import type { AlteredSpace, OnAltered, StoreSnapshot } from './store.types.js';
import type { StoreForm } from './spaces.js';

export interface StartCheckOptions {
  form: StoreForm;
  /** All spaces are registered. */
  roots: Roots;
  spaces: readonly { label: string; space: Space }[];
  commit: (operations: readonly Operation[]) => Promise<void>;
  counterFile: string | undefined;
  onAltered: OnAltered;
  randomBytes: RandomBytes;
  log: Log;
}

/**
 * Checks the roots of a database; makes them for a new database and for one of an earlier version.
 * @returns what is wrong, one sentence each; always empty with `refuse`
 * @throws AppError STORE_ALTERED, STORE_ROLLED_BACK, STORE_UNAVAILABLE
 */
export async function checkRoots(options: StartCheckOptions): Promise<string[]> {
  const { form, roots, counterFile, onAltered, log } = options;
  const problems: AppError[] = [];
  const counter = counterFile === undefined ? undefined : await tryRead(counterFile, problems);
  if (form === 'new') {
    await makeFirst(options, counter);
    return [];
  }
  if (form === 'with roots') {
    const problem = await roots.load();
    if (problem !== undefined)
      problems.push(new AppError('STORE_ALTERED', `the data directory was altered: ${problem}`));
  }
  problems.push(...compareWithCounter(form, roots.top, counter));
  const [first] = problems;
  if (onAltered === 'accept' && form === 'with roots') {
    for (const { label, id, problem } of await listAltered(options.spaces)) {
      problems.push(new AppError('STORE_ALTERED', `the records of "${label}" (${id}) do not add up: ${problem}`));
    }
    if (problems.length === 0) return [];
  }
  if (first && onAltered === 'refuse') throw new AppError(first.code, `${first.message}. ${ADVICE}`, { cause: first });
  const isUpgrade = form === 'without roots' && problems.length === 0;
  if (onAltered === 'report' && !isUpgrade) return problems.map(({ message }) => message);
  if (form === 'with roots' && onAltered === 'refuse') {
    if (counterFile !== undefined && !counter) {
      log.warn(
        { counterFile },
        'there was no counter of the data directory: this start cannot tell an older copy of it',
      );
    }
    return [];
  }
  const version = Math.max(roots.top?.version ?? 0, counter?.version ?? 0) + 1;
  const isAccepted = onAltered === 'accept';
  const pending = isAccepted ? PENDING.accepted : PENDING.adopted;
  const id = roots.top && { id: roots.top.id };
  await options.commit(await roots.makeAnew({ ...id, version, pending, keepsCheck: !isAccepted }));
  await mustLoad(roots);
  if (form === 'without roots') log.info({}, 'the data directory is of an earlier version: its records have got roots');
  return problems.map(({ message }) => message);
}

/**
 * Adds up spaces.
 * @param opens true when every record is opened as well
 * @returns those that do not add up @throws AppError STORE_UNAVAILABLE
 */
export async function listAltered(
  spaces: readonly { label: string; space: Space }[],
  { opens = false }: { opens?: boolean } = {},
): Promise<AlteredSpace[]> {
  const found: AlteredSpace[] = [];
  for (const { label, space } of spaces) {
    const problem = await (opens ? space.findDamage() : space.findProblem());
    if (problem !== undefined) found.push({ label, id: space.id, problem });
  }
  return found;
}

/** Like `listAltered`, for all spaces with these labels as they are when their turn comes; every record is opened as well. */
export async function listAlteredNow(
  labels: readonly string[],
  takeSnapshot: (label: string) => Promise<StoreSnapshot>,
): Promise<AlteredSpace[]> {
  const found: AlteredSpace[] = [];
  for (const label of labels) {
    const snapshot = await takeSnapshot(label);
    try {
      const spaces = snapshot.spaces.map((space) => ({ label, space }));
      found.push(...(await listAltered(spaces, { opens: true })));
    } finally {
      await snapshot.close();
    }
  }
  return found;
}

/** Returns the audit entries of what is pending. @param accepted what the operator accepted */
export function describePending({ pending, version }: TopRoot, accepted: readonly string[]): AuditEntry[] {
  const entries: AuditEntry[] = [];
  if (pending & PENDING.adopted) entries.push({ action: 'store.adopted', actor: 'service', subject: { version } });
  if (pending & PENDING.replaced) entries.push({ action: 'store.replaced', actor: 'service', subject: { version } });
  if (pending & PENDING.accepted) {
    const subject = { version, problems: accepted.join('; ').slice(0, MAX_SUBJECT_LENGTH) };
    entries.push({ action: 'store.accepted', actor: 'cli', subject });
  }
  return entries;
}

const MAX_SUBJECT_LENGTH = 500;
const ADVICE =
  'Run "lintel doctor" to see what changed. Restore a backup, or accept the data as they are with "lintel store accept"';

/** Makes the roots of an empty database. Its counter is written first: after a crash in between it must not belong to another database. */
async function makeFirst(options: StartCheckOptions, counter: CounterMark | undefined): Promise<void> {
  const { roots, commit, counterFile, randomBytes, log } = options;
  const id = newStoreId(randomBytes);
  if (counter) {
    log.warn({ counterFile }, 'the data directory is empty, although it held data before: a new database is made');
  }
  if (counterFile !== undefined) {
    // A keys folder that cannot be written is reported by the counter.
    await writeCounter(counterFile, { store: id.toString('hex'), version: 0 }).catch(() => undefined);
  }
  await commit(await roots.makeAnew({ id, version: 1, pending: counter ? PENDING.replaced : 0 }));
  await mustLoad(roots);
}

async function mustLoad(roots: Roots): Promise<void> {
  const problem = await roots.load();
  if (problem !== undefined) throw new AppError('STORE_CORRUPT', `the roots could not be made: ${problem}`);
}

async function tryRead(path: string, problems: AppError[]): Promise<CounterMark | undefined> {
  try {
    return await readCounter(path);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'STORE_ROLLED_BACK') throw error;
    problems.push(error);
    return undefined;
  }
}

function compareWithCounter(form: StoreForm, top: TopRoot | undefined, counter: CounterMark | undefined): AppError[] {
  if (!counter) return [];
  const rolledBack = (text: string): AppError[] => [new AppError('STORE_ROLLED_BACK', text)];
  if (form === 'without roots') return rolledBack('the data directory is a copy from before the last upgrade');
  // A root that is missing or does not open is a problem of its own.
  if (!top) return [];
  if (top.id.toString('hex') !== counter.store) return rolledBack('the data directory holds another database');
  if (top.version >= counter.version) return [];
  return rolledBack(
    `the data directory is an older copy of itself: its version is ${top.version}, and ${counter.version} was written`,
  );
}
