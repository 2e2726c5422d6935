// Narrows the type of a value that is known to exist.

/** Returns the value. @throws Error when it is undefined, which fails the test */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a value is missing that the test needs');
  return value;
}
