// The signals that stop a long command: the first lets it end in order, a second ends the process.

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** @returns a signal that aborts at the first SIGINT or SIGTERM, and a function that stops listening */
export function listenForStop(): { signal: AbortSignal; release: () => void } {
  const stop = new AbortController();
  const release = (): void => SIGNALS.forEach((name) => process.off(name, onSignal));
  const onSignal = (): void => {
    release();
    stop.abort();
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return { signal: stop.signal, release };
}
