// Resize and Upsample: every version's way to say which axes change, and how.

import type { AttrsOf, Node, Shape } from '@espalier/ir';
import { type Importers, resolveAxes, resolveAxis, type Site } from '../importer.ts';

type ResizeAttrs = AttrsOf<'resize'>;

/** The wanted change of one axis. */
interface Wish {
  readonly axis: number;
  readonly outLength: number;
  readonly scale: number;
}

/** A name out of a list. */
function choice<T extends string>(site: Site, name: string, names: readonly T[], fallback: T): T {
  const given = site.attributes.string(name, fallback);
  const found = names.find((known) => known === given);
  if (found === undefined) throw site.bad(`${name} ${given}`);
  return found;
}

const modes = ['nearest', 'linear', 'cubic'] as const;
const roundings = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'] as const;
const policies = ['stretch', 'not_larger', 'not_smaller'] as const;
const coordinates = [
  'half_pixel',
  'half_pixel_symmetric',
  'pytorch_half_pixel',
  'align_corners',
  'asymmetric',
  'tf_half_pixel_for_nn',
  'tf_crop_and_resize',
] as const;

/** Upsample, and Resize up to version 10, take scales alone and the pixel above and to the left. */
const oldWay = {
  coordinates: 'asymmetric',
  nearest: 'floor',
  cubicA: -0.75,
  excludeOutside: false,
  antialias: false,
  extrapolation: 0,
} as const;

function modeOf(site: Site): ResizeAttrs['mode'] {
  // Upsample calls linear interpolation by its two-dimensional name, too.
  const given = site.attributes.string('mode', 'nearest');
  return given === 'bilinear' ? 'linear' : choice(site, 'mode', modes, 'nearest');
}

function upsample(site: Site, scales: readonly number[] | undefined): Node {
  const x = site.input(0);
  if (scales === undefined) throw site.bad('has no scales');
  const axes = x.type.shape.map((_, axis) => axis);
  return resized(site, x, { ...oldWay, mode: modeOf(site), axes: scaled(site, x, axes, scales) });
}

const scalesAt = (site: Site, input: number): number[] | undefined => {
  const values = site.constant(input)?.data;
  return values === undefined || values.length === 0 ? undefined : Array.from(values);
};

function scaled(site: Site, x: Node, axes: readonly number[], scales: readonly number[]): Wish[] {
  if (scales.length !== axes.length)
    throw site.bad(`${scales.length} scales for ${axes.length} axes`);
  return axes.map((axis, i): Wish => {
    const scale = scales[i]!;
    if (!(scale > 0) || !Number.isFinite(scale)) throw site.bad(`scale ${scale}`);
    return { axis, scale, outLength: Math.floor(x.type.shape[axis]! * scale) };
  });
}

/** Keeping the aspect ratio, the wanted sizes are a box to stay inside of, or to cover. */
function sized(site: Site, x: Node, axes: readonly number[], sizes: readonly number[]): Wish[] {
  if (sizes.length !== axes.length || sizes.some((size) => size < 1))
    throw site.bad(`sizes [${sizes.join(', ')}] for ${axes.length} axes`);
  const ratios = axes.map((axis, i) => sizes[i]! / x.type.shape[axis]!);
  const policy = choice(site, 'keep_aspect_ratio_policy', policies, 'stretch');
  if (policy === 'stretch')
    return axes.map((axis, i) => ({ axis, scale: ratios[i]!, outLength: sizes[i]! }));
  const scale = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  return axes.map((axis) => ({
    axis,
    scale,
    outLength: Math.floor(x.type.shape[axis]! * scale + 0.5),
  }));
}

function resize(site: Site): Node {
  if (site.opset < 11) return upsample(site, scalesAt(site, 1));
  const x = site.input(0);
  const { attributes } = site;
  const all = x.type.shape.map((_, axis) => axis);
  const given = site.opset >= 18 ? attributes.ints('axes') : undefined;
  if (given !== undefined) resolveAxes(site, given, all.length);
  const axes = given?.map((axis) => resolveAxis(site, axis, all.length)) ?? all;
  const scales = scalesAt(site, 2);
  const sizes = scales === undefined ? site.ints(3) : undefined;
  if (scales === undefined && (sizes === undefined || sizes.length === 0))
    throw site.bad('has neither scales nor sizes');
  const wishes =
    scales === undefined ? sized(site, x, axes, sizes!) : scaled(site, x, axes, scales);
  const mapping = choice(site, 'coordinate_transformation_mode', coordinates, 'half_pixel');
  return resized(site, x, {
    mode: modeOf(site),
    coordinates: mapping,
    nearest: choice(site, 'nearest_mode', roundings, 'round_prefer_floor'),
    cubicA: attributes.float('cubic_coeff_a', -0.75),
    excludeOutside: attributes.int('exclude_outside', 0) !== 0,
    antialias: attributes.int('antialias', 0) !== 0,
    extrapolation: attributes.float('extrapolation_value', 0),
    axes: mapping === 'tf_crop_and_resize' ? cropped(site, wishes) : wishes,
  });
}

/** The region of interest lists all starts, then all ends. */
function cropped(site: Site, wishes: readonly Wish[]): ResizeAttrs['axes'] {
  const roi = site.constant(1)?.data;
  if (roi?.length !== 2 * wishes.length)
    throw site.bad(`a region of ${roi?.length ?? 0} numbers for ${wishes.length} axes`);
  return wishes.map((wish, i) => ({ ...wish, roi: [roi[i]!, roi[i + wishes.length]!] as const }));
}

/** Axes that stay as they are need no table. Integers are resized as floats. */
function resized(site: Site, x: Node, attrs: ResizeAttrs): Node {
  const { b } = site;
  const axes = attrs.axes.filter(
    ({ axis, scale, outLength, roi }) =>
      scale !== 1 || outLength !== x.type.shape[axis] || !isWhole(roi),
  );
  for (const { scale, outLength } of axes) claimTable(site, outLength, scale);
  if (axes.length === 0) return x;
  const shape: Shape = x.type.shape;
  if (axes.some(({ axis }) => shape[axis] === 0)) throw site.bad(`resizes [${shape.join(', ')}]`);
  if (x.type.dtype === 'f32') return b.resize(x, { ...attrs, axes });
  const floats = b.resize(b.scalar('toF32', x), { ...attrs, axes });
  return b.scalar(x.type.dtype === 'i32' ? 'toI32' : 'toBool', floats);
}

const isWhole = (roi: readonly [number, number] | undefined) =>
  roi === undefined || (roi[0] === 0 && roi[1] === 1);

/** Tables have a row an output, and shrinking widens each. */
const claimTable = (site: Site, outLength: number, scale: number) =>
  site.claim(16 * outLength * Math.max(1, 1 / scale), 'a table of the resized axis');

/** Resizing, by ONNX name. */
export const resizes: Importers = {
  Resize: { import: resize },
  Upsample: {
    import: (site) =>
      upsample(site, site.opset < 9 ? site.attributes.floats('scales') : scalesAt(site, 1)),
  },
};
