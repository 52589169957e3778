// Operators that fold axes.

import type { Node } from '@espalier/ir';
import { borrow } from '../borrow.ts';
import { resolveAxes, resolveAxis } from '../room.ts';
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
  EuclideanNorm: reduction((site, x, folded) => {
    const squares = site.b.scalar('mul', x, x);
    const sum = site.b.reduce(squares, { kind: 'sum', ...folded });
    return site.b.scalar('sqrt', sum);
  }),
  Max: fold('max'),
  Mean: reduction((site, x, folded) => {
    const floats = cast(site, x, 'f32');
    return folded.axes.length === 0 ? floats : site.b.mean(floats, folded);
  }),
  Min: fold('min'),
  Prod: fold('prod'),
  Sum: fold('sum'),
};
