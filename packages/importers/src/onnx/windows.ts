// Sliding windows of convolutions and pools: ONNX's attributes as numbers for each spatial axis.

import type { Shape } from '@espalier/ir';
import type { Site } from './importer.ts';
import { maxElements } from './tensors.ts';

/** How a window slides along one axis. */
export interface Window {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Padding before and after, the latter including what `ceil_mode` adds. */
  readonly before: number;
  readonly after: number;
  /** What `ceil_mode` adds to `after`: it counts as outside even where padding counts. */
  readonly beyond: number;
  /** Extents of the operand and the result. */
  readonly input: number;
  readonly output: number;
}

/** An axis along which nothing slides. */
export const still = (extent: number): Window => ({
  kernel: 1,
  stride: 1,
  dilation: 1,
  before: 0,
  after: 0,
  beyond: 0,
  input: extent,
  output: extent,
});

/** Extent that a window covers. */
export const reach = ({ kernel, dilation }: Pick<Window, 'kernel' | 'dilation'>): number =>
  (kernel - 1) * dilation + 1;

/** A list attribute with one positive entry an axis. */
export function perAxis(
  site: Site,
  name: string,
  count: number,
  fallback: number,
  least = 1,
): number[] {
  const list = site.attributes.ints(name) ?? new Array<number>(count).fill(fallback);
  if (list.length !== count || list.some((value) => value < least || value > maxElements))
    throw site.bad(`${name} is [${list.join(', ')}] for ${count} axes`);
  return list;
}

/**
 * The windows of a convolution or a pool over the axes of `spatial`.
 *
 * @throws {EspalierError} BAD_MODEL
 */
export function windowsOf(site: Site, spatial: Shape, kernels: readonly number[]): Window[] {
  const rank = spatial.length;
  const strides = perAxis(site, 'strides', rank, 1);
  const dilations = perAxis(site, 'dilations', rank, 1);
  const pads = perAxis(site, 'pads', 2 * rank, 0, 0);
  const auto = site.attributes.string('auto_pad', 'NOTSET');
  const ceils = site.attributes.int('ceil_mode', 0) !== 0;
  return spatial.map((input, axis): Window => {
    const [kernel, stride, dilation] = [kernels[axis]!, strides[axis]!, dilations[axis]!];
    const extent = reach({ kernel, dilation });
    const window = { kernel, stride, dilation, input };
    if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
      const output = Math.ceil(input / stride);
      const total = Math.max(0, (output - 1) * stride + extent - input);
      const less = Math.floor(total / 2);
      const before = auto === 'SAME_UPPER' ? less : total - less;
      return { ...window, before, after: total - before, beyond: 0, output };
    }
    if (auto !== 'NOTSET' && auto !== 'VALID') throw site.bad(`auto_pad ${auto}`);
    const before = auto === 'VALID' ? 0 : pads[axis]!;
    const after = auto === 'VALID' ? 0 : pads[axis + rank]!;
    const room = input + before + after - extent;
    if (room < 0)
      throw site.bad(
        `a window of ${extent} does not fit ${input + before + after} along axis ${axis}`,
      );
    const whole = Math.floor(room / stride) + 1;
    // A window that would start in the padding at the end is none.
    const one = ceils && room % stride !== 0 && whole * stride < input + before;
    const beyond = one ? whole * stride - room : 0;
    return { ...window, before, after: after + beyond, beyond, output: whole + (one ? 1 : 0) };
  });
}

/** Attributes of a 2-D op over two windows. */
export const pair = ([top, left]: readonly [Window, Window]) => ({
  stride: [top.stride, left.stride] as const,
  dilation: [top.dilation, left.dilation] as const,
  pads: [top.before, left.before, top.after, left.after] as const,
});
