// A hook that loads data for a component, again when its inputs change, and keeps the last data while it does.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from './client.js';

export interface Fetched<T> {
  data: T | undefined;
  error: ApiError | undefined;
  loading: boolean;
  /** Loads again. */
  reload: () => void;
}

/** Loads data. @param load receives a signal that is aborted when the answer is no longer wanted @param inputs values on which it depends */
export function useFetch<T>(load: (signal: AbortSignal) => Promise<T>, inputs: readonly unknown[]): Fetched<T> {
  const [state, setState] = useState<Omit<Fetched<T>, 'reload'>>({ data: undefined, error: undefined, loading: true });
  const [round, setRound] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    const aborter = new AbortController();
    setState((before) => ({ ...before, loading: true }));
    latest.current(aborter.signal).then(
      (data) => {
        if (!aborter.signal.aborted) setState({ data, error: undefined, loading: false });
      },
      (error: unknown) => {
        if (aborter.signal.aborted) return;
        setState((before) => ({ data: before.data, error: toApiError(error), loading: false }));
      },
    );
    return () => aborter.abort();
  }, [...inputs, round]);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  return { ...state, reload };
}

/** Loads again at an interval while the page is in the foreground. @param reload of useFetch */
export function useReload(reload: () => void, everyMs: number): void {
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) reload();
    }, everyMs);
    return () => clearInterval(timer);
  }, [reload, everyMs]);
}

/** Makes an ApiError of anything that a request may throw. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(0, { code: 'PAGE_ERROR', message: error instanceof Error ? error.message : String(error) });
}
