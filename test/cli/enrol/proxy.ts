// A proxy in front of the service under test: records every request, and can answer or cut one itself.
import { createServer, type Server } from 'node:http';
import { onTestFinished } from 'vitest';
import { listen } from '../ports.js';

export interface Seen {
  /** Method and path, such as `POST /groups/door/search`, without the base, the appKey and the query. */
  call: string;
  /** Number of this call among the same calls, from 1. */
  count: number;
}

/**
 * What the proxy does with a request: `pass` forwards it, `busy` answers that the service is busy, `cut` closes the connection at once,
 * `cut-answer` closes it after the service has answered, and an object is sent as the answer.
 */
export type Verdict = 'pass' | 'busy' | 'cut' | 'cut-answer' | object;

export interface Proxy {
  url: string;
  seen: string[];
  /** Largest number of requests at the same time. */
  mostAtOnce: number;
}

/** Starts a proxy that runs until the end of the test. */
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
