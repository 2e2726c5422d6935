// Splits the shell lines of a page into commands, well enough for documentation: quotes, substitutions, pipes, redirections.

/** One command: its words without quotes. A substitution stays in its word as `$(...)`. */
export interface ShellCommand {
  words: string[];
  line: number;
}

const OPERATORS = ['&&', '||', '|', ';', '&'];

/** @param firstLine number of the text's first line in its page @throws Error when a quote or a substitution has no end */
export function parseShell(text: string, firstLine: number): ShellCommand[] {
  const commands: ShellCommand[] = [];
  let words: string[] = [];
  let word: string | undefined;
  let line = firstLine;
  let startLine = firstLine;
  let skipNext = false;

  const endWord = (): void => {
    if (word !== undefined) {
      if (skipNext) skipNext = false;
      else {
        if (words.length === 0) startLine = line;
        words.push(word);
      }
    }
    word = undefined;
  };
  const endCommand = (): void => {
    endWord();
    if (words.length > 0) commands.push({ words, line: startLine });
    words = [];
  };

  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i);
    const operator = OPERATORS.find((one) => text.startsWith(one, i));
    if (char === '\\' && text.charAt(i + 1) === '\n') {
      endWord();
      line++;
      i++;
    } else if (char === '#' && word === undefined) {
      while (i + 1 < text.length && text.charAt(i + 1) !== '\n') i++;
    } else if (char === '\n') {
      if (words.length > 0 || word !== undefined) endCommand();
      line++;
    } else if (char === ' ') {
      endWord();
    } else if (char === '>' || (char === '<' && text.charAt(i + 1) !== '(')) {
      endWord();
      skipNext = true;
    } else if (operator !== undefined) {
      endCommand();
      i += operator.length - 1;
      // A pipe goes on in the next line.
    } else if (char === "'" || char === '"') {
      const end = findEnd(text, i, char);
      word = (word ?? '') + text.slice(i + 1, end);
      line += countLines(text.slice(i, end));
      i = end;
    } else if (text.startsWith('$(', i)) {
      const end = findParenthesis(text, i + 1);
      word = (word ?? '') + text.slice(i, end + 1);
      i = end;
    } else {
      word = (word ?? '') + char;
    }
  }
  endCommand();
  return commands;
}

/** Returns the texts inside `$(...)` of a word. */
export function listSubstitutions(word: string): string[] {
  const found: string[] = [];
  for (let i = word.indexOf('$('); i >= 0; i = word.indexOf('$(', i)) {
    const end = findParenthesis(word, i + 1);
    found.push(word.slice(i + 2, end));
    i = end;
  }
  return found;
}

/** Replaces each `$(...)` of a word. */
export function replaceSubstitutions(word: string, replacement: string): string {
  return listSubstitutions(word).reduce((text, inner) => text.replace(`$(${inner})`, replacement), word);
}

function findEnd(text: string, start: number, quote: string): number {
  for (let i = start + 1; i < text.length; i++) {
    if (quote === '"' && text.startsWith('$(', i)) i = findParenthesis(text, i + 1);
    else if (text.charAt(i) === quote) return i;
  }
  throw new Error(`a quote ${quote} has no end`);
}

function findParenthesis(text: string, start: number): number {
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    if (text.charAt(i) === '(') depth++;
    if (text.charAt(i) === ')' && --depth === 0) return i;
  }
  throw new Error('a substitution has no end');
}

function countLines(text: string): number {
  return text.split('\n').length - 1;
}
