// Surrounding a tensor with a value, or with elements of its own.

import { elementCount, type Node, type Shape } from '@espalier/ir';
import { attributeOrInput, type Importers, resolveAxis, type Site } from '../importer.ts';
import { checkDims } from '../tensors.ts';
import { sliceAxis } from './select.ts';

/** What surrounds a tensor: pads at the start and the end of each axis, negative ones crop. */
function padsOf(site: Site, shape: Shape): readonly (readonly [number, number])[] {
  const pads = attributeOrInput(site, 'pads', 1, 11);
  if (pads === undefined) throw site.bad('Pad without pads');
  const axes = (site.opset >= 18 ? site.ints(3) : undefined) ?? shape.map((_, axis) => axis);
  if (pads.length !== 2 * axes.length)
    throw site.bad(`${pads.length} pads for ${axes.length} axes`);
  const around = shape.map((): readonly [number, number] => [0, 0]);
  axes.forEach((given, i) => {
    around[resolveAxis(site, given, shape.length)] = [pads[i]!, pads[i + axes.length]!];
  });
  const padded = shape.map((dim, axis) => dim + around[axis]![0] + around[axis]![1]);
  checkDims(padded.map(BigInt), 'the padded tensor', site.at);
  shape.forEach((dim, axis) => {
    const [before, after] = around[axis]!;
    if (Math.max(0, -before) + Math.max(0, -after) > dim)
      throw site.bad(`pads ${before} and ${after} crop more than axis ${axis} has`);
  });
  return around;
}

/** Index of the element that position `i` before or after an axis of `extent` repeats. */
const mirrors = {
  edge: (i: number, extent: number) => Math.max(0, Math.min(extent - 1, i)),
  wrap: (i: number, extent: number) => ((i % extent) + extent) % extent,
  reflect: (i: number, extent: number) => {
    const period = Math.max(1, 2 * (extent - 1));
    const within = ((i % period) + period) % period;
    return within < extent ? within : period - within;
  },
} as const;

function pad(site: Site): Node {
  const x = site.input(0);
  const around = padsOf(site, x.type.shape);
  const mode = site.attributes.string('mode', 'constant');
  const cropped = around.reduce((node, [before, after], axis) => {
    const start = Math.max(0, -before);
    const size = node.type.shape[axis]! - start - Math.max(0, -after);
    return sliceAxis(site, node, axis, start, size);
  }, x);
  const wanted = around.map((pair) => pair.map((n) => Math.max(0, n)) as [number, number]);
  if (mode === 'constant') return padWith(site, cropped, wanted);
  if (mode !== 'edge' && mode !== 'wrap' && mode !== 'reflect') throw site.bad(`Pad mode ${mode}`);
  return wanted.reduce((node, [before, after], axis) => {
    if (before + after === 0) return node;
    const extent = node.type.shape[axis]!;
    if (extent === 0) throw site.bad(`axis ${axis} is empty: there is nothing to repeat`);
    const length = site.claim(before + extent + after, `padded axis ${axis}`);
    const indices = Int32Array.from({ length }, (_, i) => mirrors[mode](i - before, extent));
    const type = { dtype: 'i32', shape: [indices.length] } as const;
    return site.b.gather(node, site.b.constant({ type, data: indices }), { axis });
  }, cropped);
}

function padWith(site: Site, x: Node, around: readonly (readonly [number, number])[]): Node {
  if (around.every(([before, after]) => before + after === 0)) return x;
  const given = site.opset >= 11 ? site.optional(2) : undefined;
  const known = given === undefined ? undefined : site.known(given);
  if (given === undefined || known !== undefined) {
    const value = site.opset < 11 ? site.attributes.float('value', 0) : (known?.data[0] ?? 0);
    const before = around.map(([start]) => start);
    return site.b.pad(x, { before, after: around.map(([, end]) => end), value });
  }
  // The value is known only at run time: it is joined on, axis by axis.
  return around.reduce((node, sizes, axis) => {
    const [before, after] = sizes.map((size) =>
      site.b.expand(site.b.reshape(given, { shape: [] }), {
        shape: node.type.shape.toSpliced(axis, 1, size),
      }),
    );
    const parts = [before!, node, after!].filter(({ type }) => elementCount(type.shape) > 0);
    return parts.length > 1 ? site.b.concat(parts, { axis }) : node;
  }, x);
}

/** Crops or pads with zeros around the middle. */
function centred(site: Site): Node {
  const x = site.input(0);
  const rank = x.type.shape.length;
  const sizes = site.requiredInts(1);
  const axes = site.attributes.ints('axes') ?? sizes.map((_, axis) => axis);
  if (axes.length !== sizes.length || sizes.some((size) => size < 0))
    throw site.bad(`sizes [${sizes.join(', ')}] of ${axes.length} axes`);
  checkDims(sizes.map(BigInt), 'the result', site.at);
  return axes.reduce((node, given, i) => {
    const axis = resolveAxis(site, given, rank);
    const own = node.type.shape[axis]!;
    const size = sizes[i]!;
    if (size <= own) return sliceAxis(site, node, axis, Math.floor((own - size) / 2), size);
    const missing = size - own;
    const none = node.type.shape.map(() => 0);
    return site.b.pad(node, {
      before: none.with(axis, Math.floor(missing / 2)),
      after: none.with(axis, Math.ceil(missing / 2)),
      value: 0,
    });
  }, x);
}

/** Padding, by ONNX name. */
export const paddings: Importers = {
  CenterCropPad: { import: centred },
  Pad: { import: pad },
};
