// Scalar expressions as text: `relu(a0 + 2 * a1)`.

import { badText } from '../errors.ts';
import type { DType } from '../types.ts';
import { arg, call, literal, type Scalar } from './scalar-expression.ts';
import { type ScalarName, scalars } from './scalar-functions.ts';

const infix: Partial<Record<ScalarName, { readonly sign: string; readonly level: number }>> = {
  add: { sign: '+', level: 1 },
  sub: { sign: '-', level: 1 },
  mul: { sign: '*', level: 2 },
  div: { sign: '/', level: 2 },
};

const bySign = new Map(
  Object.entries(infix).map(([fn, { sign, level }]) => [sign, { fn: fn as ScalarName, level }]),
);

/** The expression as text; `parseScalar` reads it back to the same data. */
export function showScalar(expr: Scalar, level = 0): string {
  if (expr.kind === 'arg') return `a${expr.index}`;
  if (expr.kind === 'literal') return showLiteral(expr.value, expr.dtype);
  const operator = infix[expr.fn];
  if (!operator) return `${expr.fn}(${expr.args.map((part) => showScalar(part)).join(', ')})`;
  const [a, b] = expr.args;
  // The right side one level up: a - (b - c) needs its brackets, (a - b) - c does not.
  const left = showScalar(a!, operator.level);
  const text = `${left} ${operator.sign} ${showScalar(b!, operator.level + 1)}`;
  return operator.level < level ? `(${text})` : text;
}

function showLiteral(value: number, dtype: DType): string {
  if (dtype === 'bool') return value ? 'true' : 'false';
  return dtype === 'i32' ? `${value}i` : showNumber(value);
}

/** An f32 in the fewest digits that give it back. */
export function showNumber(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (Math.abs(value) === Infinity) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0';
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(value);
}

/**
 * Reads an expression: `a0`, numbers (`2` f32, `2i` i32, `true`, `inf`, `nan`), `+ - * /` with
 * their usual precedence, and calls of the table's functions.
 *
 * @param line Of the text that it stands in, for messages.
 * @throws {EspalierError} BAD_TEXT
 */
export function parseScalar(text: string, line = 1): Scalar {
  const tokens = text.match(/\d[\w.]*(?:(?<=\de)[+-]\d+)?|\w+|\S/g) ?? [];
  let next = 0;
  const fail = (found: string | undefined) =>
    badText(line, `${found === undefined ? 'end' : `'${found}'`} in the expression '${text}'`);
  const expect = (token: string) => {
    if (tokens[next++] !== token) throw fail(tokens[next - 1]);
  };

  function sum(level: number): Scalar {
    let left = level > 2 ? primary() : sum(level + 1);
    for (;;) {
      const operator = bySign.get(tokens[next] ?? '');
      if (level > 2 || operator?.level !== level) return left;
      next++;
      left = call(operator.fn, left, sum(level + 1));
    }
  }

  function primary(): Scalar {
    const token = tokens[next++];
    if (token === undefined) throw fail(token);
    if (token === '(') {
      const inner = sum(1);
      expect(')');
      return inner;
    }
    if (token === '-') return number(`-${tokens[next++]}`);
    if (/^a\d+$/.test(token)) return arg(Number(token.slice(1)));
    if (token === 'true' || token === 'false') return literal(Number(token === 'true'), 'bool');
    if (!Object.hasOwn(scalars, token)) return number(token);
    expect('(');
    const args = [sum(1)];
    while (tokens[next] === ',') {
      next++;
      args.push(sum(1));
    }
    expect(')');
    const fn = token as ScalarName; // hasOwn has just said so
    if (args.length !== scalars[fn].arity) throw fail(`${fn} of ${args.length} arguments`);
    return call(fn, ...args);
  }

  function number(token: string): Scalar {
    const special = { nan: NaN, inf: Infinity, '-inf': -Infinity }[token];
    if (special !== undefined) return literal(special);
    const [, digits, integer] = /^(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(i?)$/.exec(token) ?? [];
    if (digits === undefined) throw fail(token);
    return literal(Number(digits), integer ? 'i32' : 'f32');
  }

  const expr = sum(1);
  if (next < tokens.length) throw fail(tokens[next]);
  return expr;
}
