// Operators over small integers with scales: restored to floats, computed, and quantised again.

import { arg, call, elementCount, literal, type Node, type ScalarName } from '@espalier/ir';
import { type Importer, type Importers, resolveAxis, type Site } from '../../importer.ts';
import { integerProduct, qLinear } from '../integer-products.ts';
import { dynamicQuantize, rangeOf, saturated } from '../quantize.ts';

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

/** `alpha · A·B + C` of bytes, C as i32 by the product of the scales; quantised again where a scale says so. */
function qGemm(site: Site): Node {
  const { b, attributes } = site;
  const flip = (x: Node, when: string) =>
    attributes.int(when, 0) !== 0 ? b.transpose(x, { perm: [1, 0] }) : x;
  const a = flip(qLinear.left(site, 0, 2), 'transA');
  const given = site.input(3);
  const wide = given.type.shape.length === 2 && attributes.int('transB', 0) !== 0;
  const w = wide ? b.transpose(given, { perm: [1, 0] }) : given;
  const zero = site.optional(5);
  const count = zero ? elementCount(zero.type.shape) : 0;
  const centred = zero
    ? b.scalar('sub', w, b.reshape(zero, { shape: count === 1 ? [] : [1, count] }))
    : w;
  const product = integerProduct(site, a, b.scalar('toF32', centred));
  const bias = site.optional(6);
  const sum = bias ? b.scalar('add', product, bias) : product;
  const alpha = b.value(attributes.float('alpha', 1));
  const y = toFloat(site, sum, [site.input(1), site.input(4), alpha], undefined);
  return site.optional(7) ? quantized(site, y, 7) : y;
}

/** A float operand, quantised by its extremes, times bytes. */
function dynamicMatMul(site: Site): Node {
  const { b } = site;
  const [x, scale, zero] = dynamicQuantize(site);
  const left = b.scalar('toF32', b.scalar('sub', x!, zero!));
  const sum = integerProduct(site, left, qLinear.right(site, 1, 3));
  return toFloat(site, sum, [scale!, site.input(2)], site.optional(4));
}

/**
 * A times the transpose of weights `[N, K]` that are stored in blocks of `block_size` columns, 4 or 8 bits each, the
 * first in the lower bits; without zero points their middle is zero. They are floats from here on.
 */
function matMulOfBlocks(site: Site): Node {
  const { b, attributes } = site;
  const [n, k, bits, block] = ['N', 'K', 'bits', 'block_size'].map((name) =>
    attributes.int(name),
  ) as [number, number, number, number];
  const [codes, scales] = [site.constant(1), site.constant(2)];
  if (!codes || !scales || (bits !== 4 && bits !== 8) || block < 1 || site.optional(4))
    throw site.unsupported(`weights of ${bits} bits that are no plain blocks`);
  const blocks = Math.ceil(k / block);
  const perByte = 8 / bits;
  const zeros = site.constant(3);
  const zeroBytes = Math.ceil(blocks / perByte);
  if (
    codes.data.length !== (n * blocks * block) / perByte ||
    scales.data.length !== n * blocks ||
    (zeros && (zeros.type.dtype === 'f32' || zeros.data.length !== n * zeroBytes))
  )
    throw site.bad(`weights [${n}, ${k}] in blocks of ${block}`);
  const part = (byte: number, i: number) => (byte >> (bits * (i % perByte))) & (2 ** bits - 1);
  const data = new Float32Array(site.claim(n * k, 'the weights'));
  for (let row = 0; row < n; row++)
    for (let column = 0; column < k; column++) {
      const at = Math.floor(column / block);
      const i = row * blocks * block + column;
      const middle = zeros
        ? part(zeros.data[row * zeroBytes + Math.floor(at / perByte)]!, at)
        : 2 ** (bits - 1);
      const code = part(codes.data[Math.floor(i / perByte)]!, i);
      data[row * k + column] = (code - middle) * scales.data[row * blocks + at]!;
    }
  const w = b.constant({ type: { dtype: 'f32', shape: [n, k] }, data });
  return b.linear(site.input(0), w, site.optional(5) ?? site.zeros(n));
}

/** Operators over quantised tensors, by name. */
export const quantized8: Importers = {
  DynamicQuantizeMatMul: { import: dynamicMatMul },
  MatMulNBits: { note: 'weights known at import', import: matMulOfBlocks },
  QGemm: { element: (site) => site.element(8), import: qGemm },
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
  QLinearSoftmax: {
    element: (site) => site.element(4),
    import: (site) => {
      const x = restored(site, 0);
      const rank = x.type.shape.length;
      const axis = resolveAxis(site, site.attributes.int('axis', -1), rank);
      if (site.attributes.int('opset') < 13 && axis !== rank - 1)
        throw site.unsupported('a softmax of inner axes');
      return quantized(site, site.b.softmax(x, { axis }), 3);
    },
  },
  QLinearSigmoid: around(1, ({ b }, [x]) => b.scalar('sigmoid', x!)),
};
