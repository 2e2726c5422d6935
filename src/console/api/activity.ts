// What the user does: the service ends a session whose user does nothing, and cannot tell that from the requests of the page alone.

/** Header of the first request after an act of the user. */
const HEADER = 'x-lintel-active';
/** Interval in which an act is reported where the page has nothing else to ask. */
const REPORT_MS = 60_000;

let hasActed = false;

/** Returns the header for a request, where the user has done something since the last one. */
export function takeActivity(): Readonly<Record<string, string>> {
  const headers: Record<string, string> = hasActed ? { [HEADER]: '1' } : {};
  hasActed = false;
  return headers;
}

/**
 * Watches keys, clicks and touches.
 * @param report called at most once a minute, where the user did something and no request has said so
 */
export function watchActivity(report: () => void): void {
  const act = (): void => {
    hasActed = true;
  };
  for (const event of ['pointerdown', 'keydown', 'wheel']) {
    document.addEventListener(event, act, { capture: true, passive: true });
  }
  setInterval(() => {
    if (hasActed) report();
  }, REPORT_MS);
}
