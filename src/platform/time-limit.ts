// Waits for something, but not for ever.

/** Resolves when `work` does or after `limitMs`, whichever is first; rejects when `work` rejects in time. */
export async function atMost(limitMs: number, work: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, limitMs)));
  try {
    await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
