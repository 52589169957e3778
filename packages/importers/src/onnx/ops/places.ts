// Operators that find, count or order elements.

import {
  allocate,
  elementCount,
  type Node,
  parseScalar,
  rowMajorStrides,
  type Tensor,
} from '@espalier/ir';
import { elementTypes } from '../element-types.ts';
import { type Importer, type Importers, resolveAxis, type Site } from '../importer.ts';
import { checkDims } from '../tensors.ts';
import { fromStart, sliceAxis } from './select.ts';

/** Decisions are compared as integers. */
const comparable = ({ b }: Pick<Site, 'b'>, x: Node): Node =>
  x.type.dtype === 'bool' ? b.scalar('toI32', x) : x;

const extreme = (kind: 'max' | 'min'): Importer => ({
  import: (site) => {
    const x = comparable(site, site.input(0));
    return site.b.argReduce(x, {
      kind,
      axis: resolveAxis(site, site.attributes.int('axis', 0), x.type.shape.length),
      keepDims: site.attributes.int('keepdims', 1) !== 0,
      pick: site.attributes.int('select_last_index', 0) !== 0 ? 'last' : 'first',
    });
  },
});

/** One at the first greatest element, zero elsewhere; over a flattened matrix before version 13. */
function hardmax(site: Site): Node {
  const { b } = site;
  const x = site.input(0);
  const { shape } = x.type;
  const flattens = site.opset < 13;
  const given = resolveAxis(site, site.attributes.int('axis', flattens ? 1 : -1), shape.length);
  const sides = [elementCount(shape.slice(0, given)), elementCount(shape.slice(given))];
  const matrix = flattens ? b.reshape(x, { shape: sides }) : x;
  const axis = flattens ? 1 : given;
  const where = b.argReduce(matrix, { kind: 'max', axis, keepDims: false, pick: 'first' });
  const hot = b.oneHot(where, { depth: matrix.type.shape[axis]!, axis });
  return b.reshape(b.scalar('toF32', hot), { shape });
}

function topK(site: Site): readonly Node[] {
  const { b, attributes } = site;
  const x = comparable(site, site.input(0));
  const axis = resolveAxis(site, attributes.int('axis', -1), x.type.shape.length);
  const k = site.opset < 10 ? attributes.int('k') : site.requiredInts(1)[0];
  if (k === undefined || k < 0 || k > x.type.shape[axis]!)
    throw site.bad(`the first ${k} of ${x.type.shape[axis]}`);
  const indices = b.topK(x, { axis, k, largest: attributes.int('largest', 1) !== 0 });
  const values = b.gatherElements(x, indices, { axis });
  return [
    values.type.dtype === site.input(0).type.dtype ? values : b.scalar('toBool', values),
    indices,
  ];
}

/** Values `[off, on]`; indices count from the end where negative. */
function oneHot(site: Site): Node {
  const { b } = site;
  const given = site.input(0);
  const indices = given.type.dtype === 'i32' ? given : b.scalar('toI32', given);
  const known = site.constant(1)?.data[0];
  if (known === undefined) throw site.bad('has no depth');
  const depth = Math.trunc(known);
  const rank = indices.type.shape.length;
  const axis = resolveAxis(site, site.attributes.int('axis', -1), rank + 1);
  if (depth < 0) throw site.bad(`depth ${depth}`);
  checkDims([...indices.type.shape, depth].map(BigInt), 'the result', site.at);
  const hot = b.oneHot(fromStart(site, indices, depth), { depth, axis });
  const values = b.reshape(site.input(2), { shape: [2] });
  const [off, on] = [0, 1].map((i) => b.reshape(sliceAxis(site, values, 0, i, 1), { shape: [] }));
  return b.scalar('select', hot, on!, off!);
}

function cumSum(site: Site): Node {
  const x = site.input(0);
  const [axis] = site.requiredInts(1);
  if (axis === undefined) throw site.bad('has no axis');
  return site.b.cumSum(x, {
    axis: resolveAxis(site, axis, x.type.shape.length),
    exclusive: site.attributes.int('exclusive', 0) !== 0,
    reverse: site.attributes.int('reverse', 0) !== 0,
  });
}

/** Column less row of each element of a matrix, i32 `[rows, columns]`. */
function diagonals({ b }: Pick<Site, 'b'>, rows: number, columns: number): Node {
  const along = (extent: number, shape: readonly number[]) => {
    const data = Int32Array.from({ length: extent }, (_, i) => i);
    return b.constant({ type: { dtype: 'i32', shape }, data });
  };
  return b.scalar('sub', along(columns, [1, columns]), along(rows, [rows, 1]));
}

/** Keeps what is on one side of diagonal `k` of the last two axes. */
function triangle(site: Site): Node {
  const { b } = site;
  const x = site.input(0);
  const [rows, columns] = x.type.shape.slice(-2);
  if (rows === undefined || columns === undefined)
    throw site.bad(`a triangle of a rank ${x.type.shape.length} tensor`);
  const k = site.ints(1)?.[0] ?? 0;
  const upper = site.attributes.int('upper', 1) !== 0;
  const kept = b.scalar(upper ? 'ge' : 'le', diagonals(site, rows, columns), b.value(k, 'i32'));
  return b.scalar('select', kept, x, b.value(0, x.type.dtype));
}

function eyeLike(site: Site): Node {
  const { b } = site;
  const x = site.input(0);
  const [rows, columns] = x.type.shape;
  if (rows === undefined || columns === undefined || x.type.shape.length !== 2)
    throw site.bad(`a rank ${x.type.shape.length} tensor`);
  const k = site.attributes.int('k', 0);
  const dtype = site.attributes.has('dtype')
    ? elementTypes.get(site.attributes.int('dtype'))?.dtype
    : x.type.dtype;
  if (dtype === undefined) throw site.unsupported('a matrix of this element type');
  const ones = b.scalar('eq', diagonals(site, rows, columns), b.value(k, 'i32'));
  return dtype === 'bool' ? ones : b.scalar(dtype === 'f32' ? 'toF32' : 'toI32', ones);
}

/**
 * Rows `[image, class, box]`. How many boxes stay is known at import if the boxes are; otherwise the result
 * has room for all, and rows of −1 behind those that are used.
 */
function nonMaxSuppression(site: Site): Node {
  const { b } = site;
  const scores = site.input(1);
  const number = (i: number) => site.constant(i)?.data[0];
  const most = Math.min(Math.max(0, number(2) ?? 0), scores.type.shape[2] ?? 0);
  const found = b.nonMaxSuppression(site.input(0), scores, {
    most,
    iouThreshold: number(3) ?? 0,
    scoreThreshold: number(4) ?? Number.NEGATIVE_INFINITY,
    boxes: site.attributes.int('center_point_box', 0) !== 0 ? 'centre' : 'corners',
  });
  const known = site.known(found);
  if (known === undefined) return found;
  const end = known.data.findIndex((_, i) => i % 3 === 0 && known.data[i] === -1);
  const rows = end < 0 ? known.type.shape[0]! : end / 3;
  return sliceAxis(site, found, 0, 0, rows);
}

/** The elements of an operand whose result has a shape that depends on them. */
function knownOperand(site: Site, i: number): Tensor {
  const value = site.constant(i);
  if (value === undefined) throw site.bad(`has no operand ${i}`);
  return value;
}

/** Coordinates of what is not zero, `[rank, count]`. */
function nonZero(site: Site): Node {
  const { type, data } = knownOperand(site, 0);
  const places = Array.from(data.keys()).filter((i) => data[i] !== 0);
  const strides = rowMajorStrides(type.shape);
  const rows = type.shape.map((extent, axis) =>
    places.map((place) => Math.floor(place / strides[axis]!) % extent),
  );
  const shape = [type.shape.length, places.length];
  return site.b.constant({ type: { dtype: 'i32', shape }, data: Int32Array.from(rows.flat()) });
}

/** Slices where a condition holds; of the flattened operand without an axis. */
function compress(site: Site): Node {
  const { b } = site;
  const given = site.input(0);
  const { data } = knownOperand(site, 1);
  const flat = !site.attributes.has('axis');
  const x = flat ? b.reshape(given, { shape: [elementCount(given.type.shape)] }) : given;
  const axis = flat ? 0 : resolveAxis(site, site.attributes.int('axis'), x.type.shape.length);
  const kept = Array.from(data.keys()).filter((i) => data[i] !== 0);
  if (kept.some((i) => i >= x.type.shape[axis]!)) throw site.bad('the condition is too long');
  const type = { dtype: 'i32', shape: [kept.length] } as const;
  return b.gather(x, b.constant({ type, data: Int32Array.from(kept) }), { axis });
}

/** Distinct elements with the places of their first appearance, places in the result, and counts. */
function unique(site: Site): readonly Node[] {
  const { b } = site;
  if (site.attributes.has('axis')) throw site.unsupported('distinct slices along an axis');
  const { type, data } = knownOperand(site, 0);
  const firsts = new Map<number, number>();
  data.forEach((value, i) => void (firsts.has(value) || firsts.set(value, i)));
  const values = [...firsts.keys()];
  if (site.attributes.int('sorted', 1) !== 0) values.sort((one, other) => one - other);
  const rank = new Map(values.map((value, i) => [value, i]));
  const counts = values.map(() => 0);
  for (const value of data) counts[rank.get(value)!]!++;
  const list = (numbers: readonly number[]) =>
    b.constant({
      type: { dtype: 'i32', shape: [numbers.length] },
      data: Int32Array.from(numbers),
    });
  const distinct = { ...type, shape: [values.length] };
  const elements = allocate(distinct);
  elements.set(values);
  return [
    b.constant({ type: distinct, data: elements }),
    list(values.map((value) => firsts.get(value)!)),
    list(Array.from(data, (value) => rank.get(value)!)),
    list(counts),
  ];
}

/** Reverses the first `lengths[b]` slices along time of each sequence. */
function reverseSequence(site: Site): Node {
  const { b, attributes } = site;
  const x = site.input(0);
  const { shape } = x.type;
  const batch = attributes.int('batch_axis', 1);
  const time = attributes.int('time_axis', 0);
  if (batch + time !== 1 || batch * time !== 0 || shape.length < 2)
    throw site.bad(`batch axis ${batch} and time axis ${time}`);
  const along = (axis: number) => shape.map((extent, a) => (a === axis ? extent : 1));
  const steps = Int32Array.from({ length: shape[time]! }, (_, i) => i);
  const at = b.constant({ type: { dtype: 'i32', shape: along(time) }, data: steps });
  const lengths = b.reshape(site.input(1), { shape: along(batch) });
  const expr = parseScalar('select(lt(a0, a1), a1 - 1i - a0, a0)');
  return b.gatherElements(x, b.expand(b.map([at, lengths], { expr }), { shape }), { axis: time });
}

/** Operators over the places of elements, by ONNX name. */
export const places: Importers = {
  ArgMax: extreme('max'),
  ArgMin: extreme('min'),
  Compress: { note: 'the condition is known at import', import: compress },
  CumSum: { import: cumSum },
  EyeLike: { import: eyeLike },
  Hardmax: { import: hardmax },
  NonMaxSuppression: {
    note: 'rows of −1 stand behind the boxes that stay, unless these are known at import',
    import: nonMaxSuppression,
  },
  NonZero: { note: 'of what is known at import', import: nonZero },
  OneHot: { import: oneHot },
  ReverseSequence: { import: reverseSequence },
  TopK: { import: topK },
  Trilu: { import: triangle },
  Unique: { note: 'of what is known at import, without an axis', import: unique },
};
