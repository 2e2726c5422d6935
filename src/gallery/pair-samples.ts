// Which pairs of faces are compared: all of them, or a sample that is bounded and the same for the same seed.

/** Positions of one person, from `begin` to before `end`. */
export interface Span {
  begin: number;
  end: number;
}

/** Rows of faces, those of one person side by side. */
export interface ArrangedRows {
  rows: readonly number[];
  persons: readonly Span[];
}

/** Two rows. */
export type Pair = [number, number];

/** Returns the number of pairs that a number of faces make. */
export function countPairs(size: number): number {
  return Math.max(0, (size * (size - 1)) / 2);
}

export function countGenuinePairs(persons: readonly Span[]): number {
  return persons.reduce((sum, { begin, end }) => sum + countPairs(end - begin), 0);
}

/** Lists the pairs of rows of one person: all of them, or a sample with replacement in which each pair is as likely as any other. */
export function* listGenuinePairs(
  { rows, persons }: ArrangedRows,
  random: () => number,
  limit: number,
): Generator<Pair> {
  if (countGenuinePairs(persons) <= limit) {
    for (const { begin, end } of persons) {
      for (let i = begin; i < end; i++) for (let j = i + 1; j < end; j++) yield [rows[i]!, rows[j]!];
    }
    return;
  }
  const pick = createPicker(persons, ({ begin, end }) => countPairs(end - begin), random);
  for (let i = 0; i < limit; i++) {
    const { begin, end } = pick();
    const size = end - begin;
    const first = Math.floor(random() * size);
    const second = (first + 1 + Math.floor(random() * (size - 1))) % size;
    yield [rows[begin + first]!, rows[begin + second]!];
  }
}

/** Lists the pairs of rows of two people: all of them, or a sample with replacement in which each pair is as likely as any other. */
export function* listImpostorPairs(
  { rows, persons }: ArrangedRows,
  random: () => number,
  limit: number,
): Generator<Pair> {
  if (countPairs(rows.length) - countGenuinePairs(persons) <= limit) {
    for (const { begin, end } of persons) {
      for (let i = begin; i < end; i++) for (let j = end; j < rows.length; j++) yield [rows[i]!, rows[j]!];
    }
    return;
  }
  const pick = createPicker(persons, ({ begin, end }) => (end - begin) * (rows.length - (end - begin)), random);
  for (let i = 0; i < limit; i++) {
    const { begin, end } = pick();
    const size = end - begin;
    const other = Math.floor(random() * (rows.length - size));
    yield [rows[begin + Math.floor(random() * size)]!, rows[other < begin ? other : other + size]!];
  }
}

/** Returns a function that picks people at random, each as often as its weight says. */
function createPicker(persons: readonly Span[], weigh: (person: Span) => number, random: () => number): () => Span {
  let total = 0;
  const ends = persons.map((person) => (total += weigh(person)));
  return () => {
    const value = random() * total;
    let low = 0;
    let high = ends.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[middle]! > value) high = middle;
      else low = middle + 1;
    }
    return persons[low]!;
  };
}

/** Returns all rows, or a sample without replacement. */
export function pickRows(rows: readonly number[], random: () => number, limit: number): number[] {
  const left = [...rows];
  if (left.length <= limit) return left;
  return Array.from({ length: limit }, () => {
    const at = Math.floor(random() * left.length);
    const picked = left[at]!;
    left[at] = left[left.length - 1]!;
    left.pop();
    return picked;
  });
}
