// Topic names and topic filters of MQTT 3.1.1 (chapter 4.7): which are valid, and which filter matches which name.

/** Limit of levels in a filter or a topic. Matching costs time for each level. */
const MAX_LEVELS = 128;

export interface TopicFilter {
  text: string;
  levels: readonly string[];
  hasWildcard: boolean;
}

/** Returns the filter with its levels. @throws Error for a filter that MQTT does not allow */
export function parseFilter(text: string): TopicFilter {
  if (text === '') throw new Error('a topic filter is empty');
  const levels = text.split('/');
  if (levels.length > MAX_LEVELS) throw new Error(`a topic filter has more than ${MAX_LEVELS} levels`);
  levels.forEach((level, index) => {
    const isHash = level === '#' && index === levels.length - 1;
    if (/[+#]/.test(level) && level !== '+' && !isHash) throw new Error('a topic filter has a wildcard inside a level');
  });
  return { text, levels, hasWildcard: /[+#]/.test(text) };
}

/** @throws Error for a topic to which nobody may publish: an empty one, or one with a wildcard */
export function checkTopic(topic: string): void {
  if (topic === '') throw new Error('a message has no topic');
  if (/[+#]/.test(topic)) throw new Error('the topic of a message has a wildcard');
}

/** Returns whether a filter matches a topic. `#` and `+` at the start do not match topics that begin with `$`. @param topic its levels */
export function matchesTopic(filter: readonly string[], topic: readonly string[]): boolean {
  const first = filter[0];
  if ((first === '#' || first === '+') && topic[0]?.startsWith('$')) return false;
  for (let i = 0; i < filter.length; i++) {
    const level = filter[i];
    // `a/#` matches `a` as well.
    if (level === '#') return true;
    if (i >= topic.length || (level !== '+' && level !== topic[i])) return false;
  }
  return filter.length === topic.length;
}
