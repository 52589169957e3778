// Operators that pick or write elements and slices by tensors of indices.

import { type AttrsOf, elementCount, type Node, rowMajorStrides } from '@espalier/ir';
import { type Importers, resolveAxis, type Site } from '../importer.ts';
import { fromStart } from './select.ts';

type Kind = AttrsOf<'scatter'>['kind'];

const kinds: Readonly<Record<string, Kind>> = {
  none: 'set',
  add: 'add',
  mul: 'mul',
  max: 'max',
  min: 'min',
};

function kindOf(site: Site): Kind {
  const name = site.attributes.string('reduction', 'none');
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (kind === undefined) throw site.bad(`reduction ${name}`);
  return kind;
}

/** Indices `[…, m]` of several axes, those that count from the end made such from the start. */
function tuples({ b }: Site, indices: Node, extents: readonly number[]): Node {
  const type = { dtype: 'i32', shape: [extents.length] } as const;
  const sizes = b.constant({ type, data: Int32Array.from(extents) });
  const behind = b.scalar('lt', indices, b.value(0, 'i32'));
  return b.scalar('select', behind, b.scalar('add', indices, sizes), indices);
}

function gatherElements(site: Site): Node {
  const x = site.input(0);
  const axis = resolveAxis(site, site.attributes.int('axis', 0), x.type.shape.length);
  const indices = fromStart(site, site.input(1), x.type.shape[axis]!);
  return site.b.gatherElements(x, indices, { axis });
}

function gatherNd(site: Site): Node {
  const x = site.input(0);
  const indices = site.input(1);
  const batchDims = site.attributes.int('batch_dims', 0);
  const depth = indices.type.shape.at(-1) ?? 0;
  const extents = x.type.shape.slice(batchDims, batchDims + depth);
  if (extents.length !== depth) throw site.bad(`${depth} indices into rank ${x.type.shape.length}`);
  return site.b.gatherNd(x, tuples(site, indices, extents), { batchDims });
}

/** Single elements are rows of a flat table. */
function scatterElements(site: Site): Node {
  const { b } = site;
  const x = site.input(0);
  const { shape } = x.type;
  const axis = resolveAxis(site, site.attributes.int('axis', 0), shape.length);
  const indices = fromStart(site, site.input(1), shape[axis]!);
  const own = indices.type.shape;
  if (own.length !== shape.length || own.some((n, a) => a !== axis && n > shape[a]!))
    throw site.bad(`indices [${own.join(', ')}] into [${shape.join(', ')}]`);
  const strides = rowMajorStrides(shape);
  let places = b.scalar('mul', indices, b.value(strides[axis]!, 'i32'));
  own.forEach((extent, a) => {
    if (a === axis || extent <= 1) return;
    const type = { dtype: 'i32' as const, shape: own.map((_, i) => (i === a ? extent : 1)) };
    const data = Int32Array.from({ length: extent }, (_, i) => i * strides[a]!);
    places = b.scalar('add', places, b.constant({ type, data }));
  });
  const inside = b.scalar(
    'and',
    b.scalar('ge', indices, b.value(0, 'i32')),
    b.scalar('lt', indices, b.value(shape[axis]!, 'i32')),
  );
  places = b.scalar('select', inside, places, b.value(-1, 'i32'));
  const flat = (node: Node) => b.reshape(node, { shape: [elementCount(node.type.shape)] });
  const result = b.scatter(flat(x), flat(places), flat(site.input(2)), { kind: kindOf(site) });
  return b.reshape(result, { shape });
}

function scatterNd(site: Site): Node {
  const x = site.input(0);
  const indices = site.input(1);
  const depth = indices.type.shape.at(-1) ?? 0;
  const extents = x.type.shape.slice(0, depth);
  if (extents.length !== depth) throw site.bad(`${depth} indices into rank ${x.type.shape.length}`);
  const places = tuples(site, indices, extents);
  return site.b.scatterNd(x, places, site.input(2), { kind: kindOf(site) });
}

/** Puts maxima back where a max pool took them from; all else is zero. */
function maxUnpool(site: Site): Node {
  const { b, attributes } = site;
  const x = site.input(0);
  const { shape } = x.type;
  const rank = shape.length - 2;
  const kernel = attributes.ints('kernel_shape') ?? [];
  const strides = attributes.ints('strides') ?? kernel.map(() => 1);
  const pads = attributes.ints('pads') ?? new Array<number>(2 * rank).fill(0);
  if (rank < 1 || kernel.length !== rank || strides.length !== rank || pads.length !== 2 * rank)
    throw site.bad(`kernel [${kernel.join(', ')}] over rank ${shape.length}`);
  const spatial = kernel.map(
    (size, i) => (shape[i + 2]! - 1) * strides[i]! + size - pads[i]! - pads[i + rank]!,
  );
  const inner = [...shape.slice(0, 2), ...spatial];
  const wanted = site.ints(2) ?? inner;
  if (wanted.length !== shape.length || wanted.some((n) => n < 0))
    throw site.bad(`result [${wanted.join(', ')}]`);
  const count = site.claim(elementCount(wanted), 'the result');
  const flat = (node: Node) => b.reshape(node, { shape: [elementCount(shape)] });
  const zeros = b.expand(b.value(0, x.type.dtype), { shape: [count] });
  // Indices count in the result that the attributes imply, even where a larger one is asked for.
  const places = relocated(site, site.input(1), inner, wanted);
  return b.reshape(b.scatter(zeros, flat(places), flat(x), { kind: 'set' }), { shape: wanted });
}

/** Places in a tensor of shape `from` as places in one of shape `to`. */
function relocated(
  { b }: Site,
  places: Node,
  from: readonly number[],
  to: readonly number[],
): Node {
  if (from.every((extent, axis) => axis === 0 || extent === to[axis])) return places;
  const [own, other] = [rowMajorStrides(from), rowMajorStrides(to)];
  const integer = (value: number) => b.value(value, 'i32');
  return from
    .map((extent, axis) => {
      const index = b.scalar(
        'mod',
        b.scalar('div', places, integer(Math.max(1, own[axis]!))),
        integer(Math.max(1, extent)),
      );
      return b.scalar('mul', index, integer(other[axis]!));
    })
    .reduce((sum, term) => b.scalar('add', sum, term));
}

/** Picking and writing by index, by ONNX name. */
export const scatters: Importers = {
  GatherElements: { import: gatherElements },
  GatherND: { import: gatherNd },
  MaxUnpool: { import: maxUnpool },
  Scatter: { import: scatterElements },
  ScatterElements: { import: scatterElements },
  ScatterND: { import: scatterNd },
};
