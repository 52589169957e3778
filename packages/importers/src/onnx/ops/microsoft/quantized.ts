// Operators over small integers with scales: restored to floats, computed, and quantised again.

import { arg, call, elementCount, literal, type Node, type ScalarName } from '@espalier/ir';
import { type Importer, type Importers, resolveAxis, type Site } from '../../importer.ts';
import { integerProduct, qLinear } from '../integer-products.ts';
import { rangeOf, saturated } from '../quantize.ts';

const uint8 = 2;

/** Operand `i` with its scale and zero point behind it, as floats. */
export function restored(site: Site, i: number): Node {
  const { b } = site;
  const x = site.input(i);
  const number = (at: number) => {
    const node = site.optional(at);
    return (
      node && b.reshape(node, { shape: elementCount(node.type.shape) === 1 ? [] : node.type.shape })
    );
  };
  const zero = number(i + 2);
  const whole = zero ? b.scalar('sub', x, zero) : x;
  const scale = number(i + 1) ?? b.value(1);
  return b.map([whole, scale], { expr: call('mul', call('toF32', arg(0)), arg(1)) });
}

/** A float result as integers, by the scale at operand `i` and the zero point behind it. */
function quantized(site: Site, y: Node, i: number): Node {
  const { b } = site;
  const range = rangeOf(site, site.element(i + 1) ?? uint8);
  const ratio = call('div', arg(0), arg(1));
  const scale = b.reshape(site.input(i), { shape: [] });
  const zero = site.optional(i + 1);
  if (!zero) return b.map([y, scale], { expr: saturated(ratio, literal(0), range) });
  const operands = [y, scale, b.reshape(zero, { shape: [] })];
  return b.map(operands, { expr: saturated(ratio, call('toF32', arg(2)), range) });
}

/** An operator of `count` quantised operands; the result's scale and zero point come last. */
const around = (count: number, run: (site: Site, operands: readonly Node[]) => Node): Importer => ({
  element: (site) => site.element(3 * count + 1),
  import(site) {
    const operands = Array.from({ length: count }, (_, i) => restored(site, 3 * i));
    return quantized(site, run(site, operands), 3 * count);
  },
});

const pairwise = (fn: ScalarName) =>
  around(2, ({ b }, [left, right]) => b.scalar(fn, left!, right!));

/** Scale and zero point of the result come first, then three operands a part. */
const concat: Importer = {
  element: (site) => site.element(1),
  import(site) {
    const count = Math.floor((site.inputCount - 2) / 3);
    const parts = Array.from({ length: count }, (_, i) => restored(site, 2 + 3 * i));
    const rank = parts[0]?.type.shape.length ?? 0;
    const axis = resolveAxis(site, site.attributes.int('axis'), rank);
    const whole = parts.length === 1 ? parts[0]! : site.b.concat(parts, { axis });
    return quantized(site, whole, 0);
  },
};

/** Channels lie last where the attribute says so. */
const globalAverage = around(1, (site, [x]) => {
  const last = site.attributes.int('channels_last', 0) !== 0;
  const rank = x!.type.shape.length;
  const axes = Array.from({ length: rank - 2 }, (_, i) => i + (last ? 1 : 2));
  return site.b.mean(x!, { axes, keepDims: true });
});

/** A product of bytes whose result is a float: `(A − a)·(B − b) · scales + bias`. */
function toFloat(site: Site, sum: Node, scales: readonly Node[], bias: Node | undefined): Node {
  const { b } = site;
  const factor = scales.map((_, i) => arg(i + 1)).reduce((x, y) => call('mul', x, y));
  const y = b.map([sum, ...scales], { expr: call('mul', call('toF32', arg(0)), factor) });
  return bias ? b.scalar('add', y, bias) : y;
}

/** Operators over quantised tensors, by name. */
export const quantized8: Importers = {
  MatMulIntegerToFloat: {
    import: (site) =>
      toFloat(
        site,
        integerProduct(site, qLinear.left(site, 0, 4), qLinear.right(site, 1, 5)),
        [site.input(2), site.input(3)],
        site.optional(6),
      ),
  },
  QLinearAdd: pairwise('add'),
  QLinearConcat: concat,
  QLinearGlobalAveragePool: globalAverage,
  QLinearLeakyRelu: around(1, (site, [x]) => {
    const slope = call('mul', arg(0), literal(site.attributes.float('alpha', 0.01)));
    const expr = call('select', call('ge', arg(0), literal(0)), arg(0), slope);
    return site.b.map([x!], { expr });
  }),
  QLinearMul: pairwise('mul'),
  QLinearSigmoid: around(1, ({ b }, [x]) => b.scalar('sigmoid', x!)),
};
