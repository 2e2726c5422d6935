// Sends generated requests to a running service and checks every answer.
import { connect } from 'node:net';
import { makeFuzzRequest, type FuzzRequest, type FuzzTargets } from './fuzz-requests.js';

export interface FuzzOptions {
  /** `http://127.0.0.1:PORT` */
  url: string;
  targets: FuzzTargets;
  seed: number;
  /** Number of the first request. */
  from: number;
  /** The run ends when so many requests were sent, or after so many seconds; at least one of both is given. */
  count?: number | undefined;
  seconds?: number | undefined;
  clients?: number;
}

export interface FuzzReport {
  requests: number;
  /** Number of the first request that was not sent. */
  next: number;
  /** Count of each result: `-40000`, `HTTP 404`, `cut off`. */
  outcomes: Record<string, number>;
  /** Violations of the contract, each with the number of its request under the seed. */
  failures: string[];
}

/** First answer to a client that sends `Expect: 100-continue`. */
const CONTINUE = /^HTTP\/1\.1 100 .*\r\n\r\n/;
const ANSWER_TIMEOUT_MS = 15_000;
/** Time after which a request with a wrong length is abandoned. Another test covers the server's time limits. */
const UNFRAMED_TIMEOUT_MS = 100;

const MOST_FAILURES = 10;

/** Sends requests, each made from the seed and its number. A violation of the contract is reported with the number. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { url, targets, seed, from, count = Infinity, seconds = Infinity, clients = 4 } = options;
  const report: FuzzReport = { requests: 0, next: from, outcomes: {}, failures: [] };
  const until = performance.now() + seconds * 1000;
  const isWanted = (): boolean =>
    report.next < from + count && performance.now() < until && report.failures.length < MOST_FAILURES;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (isWanted()) {
        const number = report.next++;
        const request = makeFuzzRequest(seed, number, targets);
        const answer = await exchange(url, request);
        const { outcome, failure } = judge(answer, request);
        report.requests++;
        report.outcomes[outcome] = (report.outcomes[outcome] ?? 0) + 1;
        if (failure !== undefined) {
          const head = request.bytes.toString('latin1', 0, 200).replace(targets.appKey, '{appKey}');
          report.failures.push(`seed ${seed}, request ${number}: ${failure}\n${JSON.stringify(head)}`);
        }
      }
    }),
  );
  return report;
}

/** Sends a request. @returns all bytes until the server closed the connection; undefined when it did not close in time */
function exchange(url: string, { bytes, wellFramed }: FuzzRequest): Promise<string | undefined> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    let received = '';
    const settle = (answer: string | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(
      () => settle(wellFramed ? undefined : received),
      wellFramed ? ANSWER_TIMEOUT_MS : UNFRAMED_TIMEOUT_MS,
    );
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => (received += chunk));
    socket.on('close', () => settle(received));
    // A server that refuses a request closes while the client still sends.
    socket.on('error', () => undefined);
    socket.write(bytes);
  });
}

function judge(answer: string | undefined, { wellFramed }: FuzzRequest): { outcome: string; failure?: string } {
  if (answer === undefined) return { outcome: 'no answer', failure: `no answer within ${ANSWER_TIMEOUT_MS} ms` };
  const status = Number(/^HTTP\/1\.1 (\d+) /.exec(answer.replace(CONTINUE, ''))?.[1]);
  if (Number.isNaN(status)) {
    return wellFramed
      ? { outcome: 'cut off', failure: 'the connection was closed without an answer' }
      : { outcome: 'cut off' };
  }
  if (status !== 200) {
    const outcome = `HTTP ${status}`;
    return status >= 400 && status < 500 ? { outcome } : { outcome, failure: `answered with ${outcome}` };
  }
  const code = /"resultCode":(-?\d+)/.exec(answer)?.[1];
  if (code === undefined) {
    const empty = /\r\n\r\n$/.test(answer);
    return empty ? { outcome: 'HTTP 200, HEAD' } : { outcome: 'HTTP 200', failure: 'an answer without an envelope' };
  }
  return code === '-50000' ? { outcome: code, failure: answer.slice(-300) } : { outcome: code };
}
