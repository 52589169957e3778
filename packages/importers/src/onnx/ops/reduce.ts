// Operators that reduce axes to one number.

import { arg, call, elementCount, literal, type Node } from '@espalier/ir';
import {
  attributeOrInput,
  type Importer,
  type Importers,
  resolveAxes,
  type Site,
} from '../importer.ts';

/** What is reduced, along which axes. */
interface Reduction {
  readonly site: Site;
  readonly x: Node;
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

/** An operator whose axes are an attribute before version `since` and an input from then on. */
const reduction = (
  since: number,
  run: (r: Reduction) => Node,
  ofNone?: (x: Node, site: Site) => Node,
): Importer => ({
  import: (site) => {
    const x = site.input(0);
    const rank = x.type.shape.length;
    const given = attributeOrInput(site, 'axes', 1, since) ?? [];
    // Since the axes may be an input, none of them may mean none instead of all.
    const none = given.length === 0 && site.attributes.int('noop_with_empty_axes', 0) !== 0;
    if (none) return ofNone ? ofNone(x, site) : x;
    const axes =
      given.length > 0 ? resolveAxes(site, given, rank) : x.type.shape.map((_, axis) => axis);
    const keepDims = site.attributes.int('keepdims', 1) !== 0;
    return run({ site, x, axes, keepDims });
  },
});

type Kind = 'sum' | 'max' | 'min' | 'prod';

const over = ({ site: { b }, axes, keepDims }: Reduction, x: Node, kind: Kind): Node =>
  axes.length === 0 ? x : b.reduce(x, { kind, axes, keepDims });

/** A reduction that ends in a function; where nothing is reduced, the elements still go through. */
const composed = (
  before: (site: Site, x: Node) => Node,
  after: (site: Site, x: Node) => Node,
): Importer => {
  const whole = (r: Reduction) => after(r.site, over(r, before(r.site, r.x), 'sum'));
  return reduction(18, whole, (x, site) => after(site, before(site, x)));
};

const same = (_: Site, x: Node) => x;
const squared = ({ b }: Site, x: Node) => b.map([x], { expr: call('mul', arg(0), arg(0)) });
const absolute = ({ b }: Site, x: Node) => b.scalar('abs', x);

/** Roots and logarithms of integers are taken as floats, then cut. */
const asFloat = ({ b }: Site, x: Node, fn: 'sqrt' | 'log') =>
  x.type.dtype === 'f32'
    ? b.scalar(fn, x)
    : b.map([x], { expr: call('toI32', call(fn, call('toF32', arg(0)))) });

function extreme(r: Reduction, kind: 'max' | 'min'): Node {
  const { b } = r.site;
  if (r.x.type.dtype !== 'bool') return over(r, r.x, kind);
  return b.scalar('toBool', over(r, b.scalar('toI32', r.x), kind));
}

function mean(r: Reduction): Node {
  const { b } = r.site;
  if (r.x.type.dtype === 'f32' && r.axes.length > 0)
    return b.mean(r.x, { axes: r.axes, keepDims: r.keepDims });
  const count = elementCount(r.axes.map((axis) => r.x.type.shape[axis]!));
  return b.scalar('div', over(r, r.x, 'sum'), b.value(count, r.x.type.dtype));
}

/** `log(sum(e^(x − m))) + m` with m the maximum, so that nothing overflows. */
function logSumExp(r: Reduction): Node {
  const { b } = r.site;
  const { x, axes } = r;
  if (axes.length === 0) return x;
  if (x.type.dtype !== 'f32')
    return b.scalar('toI32', logSumExp({ ...r, x: b.scalar('toF32', x) }));
  const max = b.reduce(x, { kind: 'max', axes, keepDims: true });
  // Of nothing, and where all is infinite, the maximum cannot be subtracted.
  const finite = b.map([max], { expr: call('select', call('isInf', arg(0)), literal(0), arg(0)) });
  const shifted = b.map([x, finite], { expr: call('exp', call('sub', arg(0), arg(1))) });
  const sum = b.reduce(shifted, { kind: 'sum', axes, keepDims: r.keepDims });
  const back = r.keepDims ? finite : b.reshape(finite, { shape: sum.type.shape });
  return b.map([sum, back], { expr: call('add', call('log', arg(0)), arg(1)) });
}

/** Reductions, by ONNX name. */
export const reductions: Importers = {
  ReduceL1: composed(absolute, same),
  ReduceL2: composed(squared, (site, x) => asFloat(site, x, 'sqrt')),
  ReduceLogSum: composed(same, (site, x) => asFloat(site, x, 'log')),
  ReduceLogSumExp: reduction(18, logSumExp),
  ReduceMax: reduction(18, (r) => extreme(r, 'max')),
  ReduceMean: reduction(18, mean),
  ReduceMin: reduction(18, (r) => extreme(r, 'min')),
  ReduceProd: reduction(18, (r) => over(r, r.x, 'prod')),
  ReduceSum: reduction(13, (r) => over(r, r.x, 'sum')),
  ReduceSumSquare: composed(squared, same),
};
