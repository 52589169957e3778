// Sums of products over codes: whole numbers in f32, exact up to 2^24, then scaled and rounded to codes.

import { arg, call, literal, type Node } from '@espalier/ir';
import { activations } from '../activations.ts';
import type { Site } from '../operator.ts';
import { rangeOf, spread } from '../values.ts';

/** Operands of a product of codes by quantised weights. */
export interface Codes {
  readonly x: Node;
  /** Weights as stored, their zero points taken off. */
  readonly weights: Node;
  readonly bias: Node | undefined;
  /** What one of a sum is worth: one number, or one for each channel of the result. */
  readonly scales: readonly number[];
}

/** The operands of a product, if they are codes whose scales fit a product along `axis` of the weights. */
export function codesOf(site: Site, axis: number): Codes | undefined {
  const [x, weights, bias] = [site.value(0), site.value(1), site.value(2)];
  const [own, theirs] = [x?.quantization, weights?.quantization];
  if (!x || !weights || !own || !theirs || own.scales.length > 1) return undefined;
  if (theirs.scales.length > 1 && theirs.axis !== axis) return undefined;
  if (bias && bias.node.type.dtype !== 'i32') return undefined;
  const scales = theirs.scales.map((scale) => scale * own.scales[0]!);
  return { x: x.node, weights: weights.node, bias: bias && floats(site, bias.node), scales };
}

/** Whole numbers as f32, constants at once. */
function floats({ b }: Site, node: Node): Node {
  if (node.kind !== 'constant') return b.scalar('toF32', node);
  const { shape } = node.type;
  return b.constant(
    { type: { dtype: 'f32', shape }, data: Float32Array.from(node.value.data) },
    node.name,
  );
}

/**
 * The bias of a product as a float; one of whole numbers counts in units of the sums.
 *
 * @throws {EspalierError} UNSUPPORTED_USE
 */
export function biasOf(site: Site, i: number, x: number, weights: number): Node | undefined {
  const bias = site.optional(i);
  if (bias === undefined || bias.type.dtype === 'f32') return bias;
  const [own, theirs] = [site.value(x)?.quantization, site.value(weights)?.quantization];
  if (!own || !theirs) throw site.unsupported('a bias of whole numbers without scales');
  const scales = theirs.scales.map((scale) => scale * own.scales[0]!);
  return site.b.scalar('mul', floats(site, bias), spread(site, scales, 0, 1));
}

/** Sums `[…, O]` as codes of the result, less its zero point; `undefined` if its activation is not a bound. */
export function toCodes(site: Site, sums: Node, scales: readonly number[]): Node | undefined {
  const result = site.result(0);
  const to = result.quantization;
  const bounds = activations[site.attributes.int('activation', 0)]?.bounds;
  if (to === undefined || bounds === undefined) return undefined;
  const [scale, zero] = [to.scales[0]!, to.zeros[0]!];
  if (!(scale > 0)) throw site.bad(`${result.name} has the scale ${scale}`);
  const [low, high] = rangeOf(result, site.at);
  const least = Math.max(low - zero, Math.round(bounds[0] / scale));
  const most = Math.min(high - zero, Math.round(bounds[1] / scale));
  const rank = sums.type.shape.length;
  const factors = spread(
    site,
    scales.map((one) => one / scale),
    rank - 1,
    rank,
  );
  const nearest = call('round', call('mul', arg(0), arg(1)));
  const expr = call('min', call('max', nearest, literal(least)), literal(most));
  return site.b.map([sums, factors], { expr });
}
