// A proxy before the service under test: sees every request, and can answer, hold or cut one.
import { createServer, type Server } from 'node:http';
import { onTestFinished } from 'vitest';
import { listen } from '../ports.js';

export interface Seen {
  /** `POST /groups/door/search`: without base, appKey and query. */
  call: string;
  /** From 1, of this call. */
  count: number;
}

/**
 * What becomes of a request: passed on, answered as busy or with this answer, its connection cut at once, or cut once the service
 * has answered.
 */
export type Verdict = 'pass' | 'busy' | 'cut' | 'cut-answer' | object;

export interface Proxy {
  url: string;
  seen: string[];
  /** Requests that were under way at the same time, at most. */
  mostAtOnce: number;
}

/** Runs until the test is over. */
export async function startProxy(target: string, judge: (seen: Seen) => Verdict = () => 'pass'): Promise<Proxy> {
  const proxy: Proxy = { url: '', seen: [], mostAtOnce: 0 };
  let atOnce = 0;
  const server: Server = createServer((request, response) => {
    void (async () => {
      proxy.mostAtOnce = Math.max(proxy.mostAtOnce, ++atOnce);
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const path = (request.url ?? '').replace(/^.*\/appkeys\/[^/]*/, '').replace(/\?.*/, '');
      const call = `${request.method} ${path}`;
      proxy.seen.push(call);
      const verdict = judge({ call, count: proxy.seen.filter((other) => other === call).length });
      if (verdict === 'busy') {
        response.setHeader('retry-after', '1');
        const header = { isSuccessful: false, resultCode: -50300, resultMessage: 'ServerBusy' };
        response.end(JSON.stringify({ header }));
      } else if (typeof verdict === 'object') {
        response.end(JSON.stringify(verdict));
      } else if (verdict === 'cut') {
        response.destroy();
      } else {
        const init = request.method === 'GET' ? {} : { body: Buffer.concat(chunks) };
        const answer = await fetch(target + request.url, { method: request.method ?? 'GET', ...init });
        const body = await answer.text();
        if (verdict === 'cut-answer') response.destroy();
        else response.end(body);
      }
      atOnce--;
    })().catch(() => response.destroy());
  });
  proxy.url = `http://127.0.0.1:${await listen(server)}`;
  onTestFinished(() => server.closeAllConnections());
  return proxy;
}
