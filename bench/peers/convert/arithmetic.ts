// Scalar expressions as ops over whole tensors: activations by name, the rest a call at a time.

import { argumentsOf, type Scalar } from '@espalier/ir';
import type { BinaryKind, PeerAttrs, UnaryKind } from './peer-graph.ts';
import { recognise } from './recognise.ts';
import { plainOrder, storedShape, type Value, type Writer } from './values.ts';

const binaries: Readonly<Record<string, BinaryKind>> = {
  add: 'add',
  sub: 'sub',
  mul: 'mul',
  div: 'div',
  min: 'min',
  max: 'max',
};

const unaries: readonly UnaryKind[] = [
  'abs',
  'exp',
  'log',
  'neg',
  'relu',
  'rsqrt',
  'sigmoid',
  'sqrt',
  'tanh',
];

/**
 * An expression over values that broadcast to `shape`.
 *
 * @throws {Error} for functions without a counterpart
 */
export function compute(
  writer: Writer,
  expression: Scalar,
  operands: readonly Value[],
  shape: readonly number[],
): Value {
  if (expression.kind === 'literal')
    return {
      tensor: { shape: [1], data: Float32Array.of(expression.value) },
      shape: [1],
      order: [0],
    };
  if (expression.kind === 'arg') return operands[expression.index]!;
  const [only, ...others] = new Set(argumentsOf(expression));
  if (only !== undefined && others.length === 0) {
    const named = recognise(renamed(expression, only));
    if (named) return activation(writer, named, operands[only]!);
  }
  const { fn } = expression;
  const args = expression.args.map((part) => compute(writer, part, operands, shape));
  const binary = binaries[fn];
  if (binary) return combine(writer, binary, args[0]!, args[1]!);
  const unary = unaries.find((kind) => kind === fn);
  if (!unary) throw new Error(`no conversion of ${fn}`);
  return apply(writer, { kind: unary }, args[0]!);
}

/** The expression with argument `index` as argument 0. */
function renamed(expression: Scalar, index: number): Scalar {
  if (expression.kind === 'arg')
    return expression.index === index ? { kind: 'arg', index: 0 } : expression;
  if (expression.kind === 'literal') return expression;
  return { ...expression, args: expression.args.map((part) => renamed(part, index)) };
}

const apply = (writer: Writer, attrs: PeerAttrs, x: Value): Value => ({
  ...x,
  tensor: writer.emit(attrs, [x.tensor], x.tensor.shape),
});

/** A named function of one value; the formats lack some, which are made of others. */
function activation(
  writer: Writer,
  named: NonNullable<ReturnType<typeof recognise>>,
  x: Value,
): Value {
  const number = (value: number): Value => ({
    tensor: { shape: [1], data: Float32Array.of(value) },
    shape: [1],
    order: [0],
  });
  switch (named.kind) {
    case 'silu':
      return combine(writer, 'mul', x, apply(writer, { kind: 'sigmoid' }, x));
    case 'hardSigmoid': {
      const ramp = apply(writer, { kind: 'relu6' }, combine(writer, 'add', x, number(3)));
      return combine(writer, 'mul', ramp, number(1 / 6));
    }
    case 'mish': {
      const grown = combine(writer, 'add', apply(writer, { kind: 'exp' }, x), number(1));
      const softplus = apply(writer, { kind: 'log' }, grown);
      return combine(writer, 'mul', x, apply(writer, { kind: 'tanh' }, softplus));
    }
    default:
      // The switch took what is no op of theirs; the compiler loses that where kinds share a member.
      return apply(writer, named as PeerAttrs, x);
  }
}

/** Two values, in the order of the larger. */
function combine(writer: Writer, kind: BinaryKind, a: Value, b: Value): Value {
  const rank = Math.max(a.shape.length, b.shape.length);
  const ranked = [a, b].map((value) => {
    if (value.shape.length === rank || value.tensor.data?.length === 1) return value;
    const missing = Array.from({ length: rank - value.shape.length }, () => 1);
    return writer.reshape(value, [...missing, ...value.shape]);
  });
  const size = ({ shape, tensor }: Value) =>
    tensor.data ? 0 : shape.reduce((count, extent) => count * extent, 1);
  const [left, right] = ranked as [Value, Value];
  const leader = size(left) >= size(right) ? left : right;
  const order = leader.shape.length === rank ? leader.order : plainOrder(rank);
  const tensors = ranked.map((value) =>
    value.tensor.data?.length === 1 ? value.tensor : writer.arrange(value, order).tensor,
  );
  const extent = (value: Value, axis: number) =>
    value.shape.length === rank ? value.shape[axis]! : 1;
  const shape = plainOrder(rank).map((axis) => Math.max(extent(left, axis), extent(right, axis)));
  return { tensor: writer.emit({ kind }, tensors, storedShape(shape, order)), shape, order };
}
