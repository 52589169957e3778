// Operators that fold axes.

import type { Node } from '@espalier/ir';
import { borrow } from '../borrow.ts';
import { filled, resolveAxes, resolveAxis, sliceAxis } from '../room.ts';
import { cast } from './elementwise.ts';
import type { Operator, Operators, Site } from './operator.ts';

interface Folded {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

const reduction =
  (run: (site: Site, x: Node, folded: Folded) => Node): Operator =>
  (site) => {
    const x = site.input(0);
    const axes = resolveAxes(site, site.numbers(1), x.type.shape.length);
    return run(site, x, { axes, keepDims: site.attributes.flag('keep_dims', false) });
  };

const fold = (kind: 'sum' | 'max' | 'min' | 'prod') =>
  reduction((site, x, folded) => {
    const numbers = x.type.dtype === 'bool' ? cast(site, x, 'i32') : x;
    return folded.axes.length === 0 ? numbers : site.b.reduce(numbers, { kind, ...folded });
  });

/** Of truths: all is the least of them, any the greatest. */
const logical = (kind: 'max' | 'min') =>
  reduction((site, x, folded) =>
    folded.axes.length === 0
      ? x
      : cast(site, site.b.reduce(cast(site, x, 'i32'), { kind, ...folded }), 'bool'),
  );

const extreme =
  (kind: 'max' | 'min'): Operator =>
  (site) => {
    const x = site.input(0);
    const rank = x.type.shape.length;
    const given = site.inputs[1] ? site.numbers(1)[0]! : site.attributes.int('dimension', 0);
    const axis = resolveAxis(site, given, rank);
    const numbers = x.type.dtype === 'bool' ? cast(site, x, 'i32') : x;
    return site.b.argReduce(numbers, { kind, axis, keepDims: false, pick: 'first' });
  };

/** Products of all elements up to each. */
function products(site: Site): Node {
  const { b, attributes } = site;
  const x = site.input(0);
  const { shape, dtype } = x.type;
  const axis = resolveAxis(site, site.numbers(1)[0] ?? 0, shape.length);
  const count = site.claim(shape[axis]!, 'the steps of a product'); // resolved just now
  const reverse = attributes.flag('reverse', false);
  const exclusive = attributes.flag('exclusive', false);
  const parts = Array.from({ length: count }, (_, i) =>
    sliceAxis(site, x, axis, reverse ? count - 1 - i : i, 1),
  );
  const one = filled(site, { dtype, shape: shape.toSpliced(axis, 1, 1) }, 1);
  let product = one;
  const results = parts.map((part) => {
    const before = product;
    product = b.scalar('mul', product, part);
    return exclusive ? before : product;
  });
  if (count === 0) return x;
  return b.concat(reverse ? results.reverse() : results, { axis });
}

/** How many elements of sorted rows are less than each value, or not greater. */
const bound =
  (fn: 'lt' | 'le'): Operator =>
  (site) => {
    const { b } = site;
    const [rows, values] = [site.input(0), site.input(1)];
    const [n = 0, count = 0] = rows.type.shape;
    const [, wanted = 0] = values.type.shape;
    const found = b.scalar(
      fn,
      b.reshape(rows, { shape: [n, 1, count] }),
      b.reshape(values, { shape: [n, wanted, 1] }),
    );
    return b.reduce(cast(site, found, 'i32'), { kind: 'sum', axes: [2], keepDims: false });
  };

/** Operators that fold axes, by name. */
export const reductions: Operators = {
  All: logical('min'),
  Any: logical('max'),
  ArgMax: extreme('max'),
  ArgMin: extreme('min'),
  Cumsum: (site) =>
    borrow(site, 'CumSum', [site.input(0), site.input(1)], {
      exclusive: Number(site.attributes.flag('exclusive', false)),
      reverse: Number(site.attributes.flag('reverse', false)),
    }),
  Cumprod: products,
  EuclideanNorm: reduction((site, x, folded) => {
    const squares = site.b.scalar('mul', x, x);
    const sum = site.b.reduce(squares, { kind: 'sum', ...folded });
    return site.b.scalar('sqrt', sum);
  }),
  LowerBound: bound('lt'),
  Max: fold('max'),
  Mean: reduction((site, x, folded) => {
    const floats = cast(site, x, 'f32');
    return folded.axes.length === 0 ? floats : site.b.mean(floats, folded);
  }),
  Min: fold('min'),
  Prod: fold('prod'),
  Sum: fold('sum'),
  UpperBound: bound('le'),
};
