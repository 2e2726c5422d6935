// The type of a case, and the runner of the cases, one after the other.
import { z } from 'zod';
import { type Ask, type Client, type Data, type Exchange, type Reply, Unfit } from './client.js';
import type { World } from './world.js';

/** Requirement of a case besides a URL and an appKey. */
export type Need = 'spawn' | 'otherAppKey' | 'secretKey';

/** One row of a table: one request and its answer. */
export interface Row {
  name: string;
  needs?: Need;
  ask: Ask | ((world: World) => Ask | Promise<Ask>);
  /** Expected result code; 0 by default. 404 is the HTTP status for a path that is no route. */
  code?: number;
  /** Expected side after the name in resultMessage. */
  side?: ':Source' | ':Target' | undefined;
  shape?: z.ZodType | undefined;
  /** @throws Unfit */
  check?: ((data: Data, world: World, reply: Reply) => void) | undefined;
}

/** A case of several requests. */
export interface Scenario {
  name: string;
  needs?: Need;
  /** @throws Unfit */
  run: (world: World) => Promise<void>;
}

export type Case = Row | Scenario;

export interface Failure {
  name: string;
  expected: string;
  exchange: Exchange | undefined;
}

export interface Summary {
  passed: number;
  failures: Failure[];
  /** Cases that were not run, because the target lacks what they need. */
  leftOut: { name: string; needs: Need }[];
}

export interface RunOptions {
  world: World;
  client: Client;
  cases: readonly Case[];
  available: ReadonlySet<Need>;
  /** Time limit of the suite. Cases that have not begun after it count as failed. */
  timeLimitMs: number;
  onResult: (name: string, failure: Failure | undefined) => void;
  signal: AbortSignal;
}

export async function runCases(options: RunOptions): Promise<Summary> {
  const { world, client, cases, available, timeLimitMs, onResult, signal } = options;
  const endsAtMs = performance.now() + timeLimitMs;
  const summary: Summary = { passed: 0, failures: [], leftOut: [] };
  for (const one of cases) {
    if (signal.aborted) break;
    if (one.needs !== undefined && !available.has(one.needs)) {
      summary.leftOut.push({ name: one.name, needs: one.needs });
      continue;
    }
    client.last = undefined;
    let failure: Failure | undefined;
    try {
      if (performance.now() > endsAtMs) throw new Unfit('the suite to be done within its time limit');
      await ('run' in one ? one.run(world) : runRow(one, world));
    } catch (error) {
      const expected = error instanceof Error ? error.message : String(error);
      failure = { name: one.name, expected, exchange: client.last };
    }
    const left = await client.cleanUp();
    if (left.length > 0 && !failure) {
      failure = { name: one.name, expected: `its groups to be deletable: ${left.join(', ')}`, exchange: undefined };
    }
    if (failure) summary.failures.push(failure);
    else summary.passed++;
    onResult(one.name, failure);
  }
  return summary;
}

async function runRow(row: Row, world: World): Promise<void> {
  const reply = await world.client.ask(typeof row.ask === 'function' ? await row.ask(world) : row.ask);
  const code = row.code ?? 0;
  if (code === 404) {
    must(reply.status === 404, 'HTTP 404');
    return;
  }
  answered(reply, code, row.side);
  if (row.shape) shaped(reply, row.shape);
  row.check?.(reply.data as Data, world, reply);
}

/** Checks the HTTP status, the result code and the side of an answer. @throws Unfit */
export function answered(reply: Reply, code: number, side = ''): void {
  must(reply.status === 200, `HTTP 200 with resultCode ${code}`);
  must(reply.code === code, `resultCode ${code}`);
  if (side !== '') must(reply.message?.endsWith(side) === true, `resultMessage with ${side} after the name`);
}

/** Checks the data of an answer against a shape, and returns it. @throws Unfit */
export function shaped(reply: Reply, shape: z.ZodType): Data {
  const parsed = shape.safeParse(reply.data);
  if (!parsed.success) throw new Unfit(`data of the documented shape: ${z.prettifyError(parsed.error)}`);
  return reply.data as Data;
}

/** Checks a condition. @param expected noun phrase that completes "expected" @throws Unfit when it does not hold */
export function must(holds: boolean, expected: string): asserts holds {
  if (!holds) throw new Unfit(expected);
}

/** Checks that two values are the same when they are written as JSON. @param what names the value @throws Unfit */
export function same(actual: unknown, expected: unknown, what: string): void {
  const [is, shouldBe] = [JSON.stringify(actual), JSON.stringify(expected)];
  must(is === shouldBe, `${what} ${shouldBe}, not ${is}`);
}
