// A place in a line of text, and the small readers that move it.

import { badText, type EspalierError } from './errors.ts';

/** Reads a line from left to right, skipping spaces. */
export interface Cursor {
  /** 1-based number of the line. */
  readonly line: number;
  /** Whether `text` is next; moves behind it if so. */
  eat(text: string): boolean;
  /** Moves behind `text`, or throws BAD_TEXT. */
  expect(text: string): void;
  /** What `pattern` (sticky to the place) matches, or throws BAD_TEXT naming `wanted`. */
  read(pattern: RegExp, wanted: string): string;
  /** Everything up to one of `ends` outside of any brackets, or up to the end of the line. */
  until(ends: string): string;
  /** Whether nothing is left. */
  done(): boolean;
  fail(wanted: string): EspalierError;
}

/** A cursor at the start of a line. */
export function cursorOver(text: string, line: number): Cursor {
  let place = 0;
  const skip = () => {
    while (text[place] === ' ') place++;
  };
  const fail = (wanted: string) => {
    const found = text.slice(place, place + 20);
    return badText(line, `${found ? `'${found}'` : 'the end'} where ${wanted} is expected`);
  };
  const eat = (wanted: string) => {
    skip();
    if (!text.startsWith(wanted, place)) return false;
    place += wanted.length;
    return true;
  };
  return {
    line,
    eat,
    fail,

    expect(wanted) {
      if (!eat(wanted)) throw fail(`'${wanted}'`);
    },

    read(pattern, wanted) {
      skip();
      const [found] = pattern.exec(text.slice(place)) ?? [];
      if (!found) throw fail(wanted);
      place += found.length;
      return found;
    },

    until(ends) {
      const start = place;
      for (let depth = 0; place < text.length; place++) {
        const at = text[place]!;
        if (depth === 0 && ends.includes(at)) break;
        if ('([{'.includes(at)) depth++;
        if (')]}'.includes(at)) depth--;
      }
      return text.slice(start, place).trim();
    },

    done() {
      skip();
      return place === text.length;
    },
  };
}
