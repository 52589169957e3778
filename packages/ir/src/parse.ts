// Text becomes a graph: for tests, and to read back what `print` has written.

import { showAttrs } from './attrs.ts';
import { type Builder, createBuilder } from './builder.ts';
import { type Cursor, cursorOver } from './cursor.ts';
import { badText, EspalierError } from './errors.ts';
import type { Graph, Output } from './graph.ts';
import type { InputNode, Node } from './node.ts';
import { type OpName, ops } from './ops/index.ts';
import { parseScalar } from './ops/scalar.ts';
import { randomTensor } from './random.ts';
import { plainName } from './text.ts';
import { allocate, type DType, elementCount, type Tensor, type TensorType } from './types.ts';

/**
 * Reads a graph:
 *
 * ```
 * x = input f32[1,3,8,8]
 * w = constant f32[4,3,3,3] seed 1      random in [−1, 1); or `seed 1 from 0.5 to 2`, `{1, 2}`, `#…`
 * b = constant f32[4]                   random, by the number of its line
 * y = conv(x, w, b) {dilation: [1, 1], groups: 1, pads: [1, 1, 1, 1], stride: [1, 1]} then relu(a0)
 * return y, other: x
 * ```
 *
 * @param lookup The constants written by digest, from `digests`.
 * @throws {EspalierError} BAD_TEXT, and BAD_SHAPE or BAD_DTYPE where operands do not fit.
 */
export function parse(text: string, lookup: ReadonlyMap<string, Tensor> = new Map()): Graph {
  const b = createBuilder();
  const values = new Map<string, Node>();
  const inputs: InputNode[] = [];
  const lines = text.split('\n');
  for (const [i, source] of lines.entries()) {
    const at = cursorOver(source.trim(), i + 1);
    if (at.done()) continue;
    if (/^return\s/.test(source.trim())) return { inputs, outputs: readReturn(at, values) };
    const name = readName(at);
    at.expect('=');
    if (values.has(name)) throw badText(at.line, `${name} has a value already`);
    const node = readValue(at, name, values, b.named(name), lookup);
    if (!at.done()) throw at.fail('the end');
    if (node.kind === 'input') inputs.push(node);
    values.set(name, node);
  }
  throw badText(lines.length, "the end where 'return' is expected");
}

function readReturn(at: Cursor, values: ReadonlyMap<string, Node>): Output[] {
  at.expect('return');
  const outputs: Output[] = [];
  do {
    const name = readName(at);
    const node = at.eat(':') ? readOperand(at, values) : operandCalled(name, at, values);
    outputs.push({ name, node });
  } while (at.eat(','));
  if (!at.done()) throw at.fail("','");
  return outputs;
}

function readValue(
  at: Cursor,
  name: string,
  values: ReadonlyMap<string, Node>,
  b: Builder,
  lookup: ReadonlyMap<string, Tensor>,
): Node {
  const word = at.read(/^\w+/, 'an op');
  if (word === 'input') return b.input(name, readType(at));
  if (word === 'constant') return b.constant(readTensor(at, lookup), name);
  if (!Object.hasOwn(ops, word)) throw badText(at.line, `no op is called ${word}`);
  const op = word as OpName; // hasOwn has just said so
  at.expect('(');
  const own = readOperands(at, values);
  const extras = at.eat(';') ? readOperands(at, values) : [];
  at.expect(')');
  const attrs = at.eat('{') ? readAttrs(at) : {};
  const epilogue = at.eat('then') ? parseScalar(at.until(''), at.line) : undefined;
  try {
    const node = b.apply(op, own, attrs);
    return epilogue ? b.withEpilogue(node, epilogue, extras) : node;
  } catch (cause) {
    // Ops trust that they get their own attributes, which text cannot promise.
    if (!(cause instanceof EspalierError))
      throw badText(at.line, `${op} with the attributes ${showAttrs(attrs)}`, cause);
    throw new EspalierError(cause.code, `line ${at.line}: ${cause.message}`, { cause });
  }
}

function readName(at: Cursor): string {
  const token = at.read(nameToken, 'a name');
  return token.startsWith('"') ? (JSON.parse(token) as string) : token;
}

/** A plain name, or a string as JSON has it. */
const nameToken = new RegExp(
  `${plainName.source}|^"(?:[^"\\\\\\u0000-\\u001f]|\\\\["\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4})*"`,
);

const readOperand = (at: Cursor, values: ReadonlyMap<string, Node>): Node =>
  operandCalled(readName(at), at, values);

function operandCalled(name: string, at: Cursor, values: ReadonlyMap<string, Node>): Node {
  const node = values.get(name);
  if (!node) throw badText(at.line, `${name} has no value yet`);
  return node;
}

function readOperands(at: Cursor, values: ReadonlyMap<string, Node>): Node[] {
  const nodes: Node[] = [];
  do nodes.push(readOperand(at, values));
  while (at.eat(','));
  return nodes;
}

/** `f32[1,3,8,8]`. */
function readType(at: Cursor): TensorType {
  const dtype = at.read(/^(f32|i32|bool|u8)/, 'f32, i32, bool or u8') as DType; // the pattern says so
  at.expect('[');
  const shape = at.eat(']') ? [] : readList(at, ']', readInteger);
  return { dtype, shape };
}

const readInteger = (at: Cursor): number => Number(at.read(/^\d+/, 'an extent'));

const number = /^(-?\d+(\.\d+)?(e[+-]?\d+)?|-?inf|nan|true|false)/;

function readNumber(at: Cursor): number {
  const token = at.read(number, 'a number');
  const special = { inf: Infinity, '-inf': -Infinity, nan: NaN, true: 1, false: 0 };
  return Object.hasOwn(special, token) ? special[token as keyof typeof special] : Number(token);
}

function readList<T>(at: Cursor, end: string, item: (at: Cursor) => T): T[] {
  const items: T[] = [];
  do items.push(item(at));
  while (at.eat(','));
  at.expect(end);
  return items;
}

function readTensor(at: Cursor, lookup: ReadonlyMap<string, Tensor>): Tensor {
  const type = readType(at);
  if (at.eat('#')) {
    const key = at.read(/^\w+/, 'a digest');
    const known = lookup.get(key);
    if (!known) throw badText(at.line, `no constant with digest ${key} is given`);
    return { type, data: known.data };
  }
  if (at.eat('{')) {
    const data = allocate(type);
    const items = at.eat('}') ? [] : readList(at, '}', readNumber);
    if (items.length !== elementCount(type.shape))
      throw badText(at.line, `${items.length} elements where ${data.length} are expected`);
    data.set(items);
    return { type, data };
  }
  const seed = at.eat('seed') ? readInteger(at) : at.line;
  if (!at.eat('from')) return randomTensor(type, seed);
  const from = readNumber(at);
  at.expect('to');
  return randomTensor(type, seed, [from, readNumber(at)]);
}

function readAttrs(at: Cursor): object {
  const entries = at.eat('}') ? [] : readList(at, '}', readAttr);
  return Object.fromEntries(entries);
}

function readAttr(at: Cursor): readonly [string, unknown] {
  const key = at.read(/^\w+/, 'an attribute');
  at.expect(':');
  // By convention of the ops, `expr` is a scalar expression and nothing else is.
  if (key === 'expr') return [key, parseScalar(at.until(',}'), at.line)];
  return [key, readAttrValue(at)];
}

function readAttrValue(at: Cursor): unknown {
  if (at.eat('[')) return at.eat(']') ? [] : readList(at, ']', readAttrValue);
  if (at.eat('{')) return readAttrs(at);
  const token = at.read(/^-?[\w.]+([+-]\d+)?/, 'a value');
  if (token === 'true' || token === 'false') return token === 'true';
  return number.exec(token)?.[0] === token ? readNumber(cursorOver(token, at.line)) : token;
}
