// Scripts that give nothing but data, as some packages ship models: the data is read, and no script is run.

import type { Json } from './json.ts';

/** What may stand before the value that a script exports. */
const exported =
  /(?:\bexports|\bexport\s+default|\bexports\.default)\s*=?\s*(?=[[{"'`]|JSON\.parse\()/g;

/** Values lie no deeper in each other. */
const mostDepth = 100;

/** Whether bytes may be a script: text that does not begin like JSON. */
export function maybeScript(bytes: Uint8Array): boolean {
  const start = bytes.subarray(0, 64);
  const text = start.every(
    (byte) => byte >= 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d,
  );
  const first = start.find((byte) => byte > 0x20);
  return text && first !== undefined && first !== 0x7b && first < 0x7f;
}

/** The first value that a script exports which is written out; `undefined` if there is none. */
export function exportedValue(text: string): Json | undefined {
  for (const { index, 0: found } of text.matchAll(exported)) {
    const value = literalAt(text, index + found.length);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** The value of a literal; `undefined` for what is none. */
function literalAt(text: string, from: number): Json | undefined {
  const reader = createReader(text, from);
  try {
    return reader.value(0);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const words: Readonly<Record<string, Json>> = {
  '!0': true,
  '!1': false,
  'void 0': null,
  false: false,
  null: null,
  true: true,
  undefined: null,
};

const escapes: Readonly<Record<string, string>> = {
  0: '\0',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

function createReader(text: string, from: number) {
  let at = from;
  const token = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const space = () => void token(/\s*/y);
  const wrong = () => new SyntaxError(`no literal at ${at}`);
  const take = (mark: string): boolean => {
    space();
    if (text[at] !== mark) return false;
    at++;
    return true;
  };
  const need = (mark: string) => {
    if (!take(mark)) throw wrong();
  };

  const string = (): string => {
    const quote = text[at++]!;
    const start = at;
    const end = text.indexOf(quote, at);
    if (end < 0) throw wrong();
    const slash = text.indexOf('\\', at);
    if (slash < 0 || slash > end) {
      at = end + 1;
      const plain = text.slice(start, end);
      if (quote === '`' && plain.includes('${')) throw wrong();
      return plain;
    }
    const parts: string[] = [];
    for (;;) {
      const part = token(quote === '"' ? /[^"\\]*/y : quote === "'" ? /[^'\\]*/y : /[^`\\$]*/y);
      parts.push(part ?? '');
      if (text[at] === quote) {
        at++;
        return parts.join('');
      }
      if (text[at] !== '\\') throw wrong();
      at++;
      const code = token(/u[\da-fA-F]{4}|u\{[\da-fA-F]{1,6}\}|x[\da-fA-F]{2}/y);
      const point =
        code === undefined ? undefined : Number.parseInt(code.replace(/[ux{}]/g, ''), 16);
      if (point !== undefined && point > 0x10ffff) throw wrong();
      if (point !== undefined) parts.push(String.fromCodePoint(point));
      else {
        const letter = text[at++];
        if (letter === undefined) throw wrong();
        // A break of the line within the text is none of the text.
        parts.push(letter === '\n' ? '' : (escapes[letter] ?? letter));
      }
    }
  };

  const list = (depth: number): Json[] => {
    const items: Json[] = [];
    need('[');
    while (!take(']')) {
      items.push(value(depth + 1));
      if (!take(',')) {
        need(']');
        break;
      }
    }
    return items;
  };

  const record = (depth: number): Json => {
    const fields: [string, Json][] = [];
    need('{');
    while (!take('}')) {
      const quoted = /["']/.test(text[at] ?? '');
      const key = quoted ? string() : token(/[\w$]+/y);
      if (key === undefined) throw wrong();
      need(':');
      fields.push([key, value(depth + 1)]);
      if (!take(',')) {
        need('}');
        break;
      }
    }
    return Object.fromEntries(fields);
  };

  const value = (depth: number): Json => {
    if (depth > mostDepth) throw wrong();
    space();
    const mark = text[at] ?? '';
    if (mark === '{') return record(depth);
    if (mark === '[') return list(depth);
    if (/["'`]/.test(mark)) return string();
    if (token(/JSON\.parse\(/y) !== undefined) {
      space();
      if (!/["'`]/.test(text[at] ?? '')) throw wrong();
      return JSON.parse(string()) as Json;
    }
    const word = token(/!0|!1|void 0|true|false|null|undefined/y);
    if (word !== undefined) return words[word]!; // the pattern's words are the table's keys
    const number = token(/-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/y);
    if (number === undefined) throw wrong();
    return Number(number);
  };
  return { value };
}
