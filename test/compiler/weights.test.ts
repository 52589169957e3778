import { type Compiled, compile, type WeightFormat } from '@espalier/compiler';
import { createBuilder, evaluate, type Graph, randomTensor, type Tensor } from '@espalier/ir';
import t from 'tap';
import { encodeF16 } from '../../packages/compiler/src/emit/half.ts';
import { worstError } from '../support/agrees.ts';
import { start } from '../support/run-compiled.ts';

/** A layer large enough to be packed, with channels whose weights are of very different sizes. */
function layer(magnitude: (channel: number) => number): Graph {
  const b = createBuilder();
  const x = b.input('x', { dtype: 'f32', shape: [1, 37, 5, 5] });
  const weights = randomTensor({ dtype: 'f32', shape: [19, 37, 3, 3] }, 1);
  const row = 37 * 9;
  weights.data.forEach((value, i) => {
    weights.data[i] = value * magnitude(Math.floor(i / row));
  });
  const attrs = { stride: [1, 1], dilation: [1, 1], pads: [1, 1, 1, 1], groups: 1 } as const;
  const bias = b.constant(randomTensor({ dtype: 'f32', shape: [19] }, 2, [0, 0]));
  const y = b.conv(x, b.constant(weights), bias, attrs);
  return { inputs: [x], outputs: [{ name: 'y', node: y }] };
}

/** The part of a result that one channel makes. */
function channel({ data, type }: Tensor, index: number): Tensor {
  const pixels = type.shape[2]! * type.shape[3]!;
  const part = data.slice(index * pixels, (index + 1) * pixels);
  return { type: { dtype: type.dtype, shape: [pixels] }, data: part };
}

const formats: readonly { readonly format: WeightFormat; readonly error: number }[] = [
  // Sums of 333 products, each rounded by up to 6e-8.
  { format: 'f32', error: 5e-6 },
  // Half a unit of the last of 11 bits, and of 1 in 127; sums of many average it out.
  { format: 'f16', error: 5e-4 },
  { format: 'int8', error: 1e-2 },
];

t.test('weights of every channel keep their digits, in each format', async (t) => {
  const sizes: Readonly<Record<string, (channel: number) => number>> = {
    'all alike': () => 1,
    'from tiny to huge': (channel) => 10 ** (channel - 9),
  };
  for (const [title, magnitude] of Object.entries(sizes)) {
    const graph = layer(magnitude);
    const inputs = { x: randomTensor({ dtype: 'f32', shape: [1, 37, 5, 5] }, 3) };
    const expected = evaluate(graph, inputs).y!;
    for (const { format, error } of formats) {
      const actual = start(graph, { weights: format }).run(inputs).y!;
      const errors = Array.from({ length: 19 }, (_, i) =>
        worstError(channel(actual, i), channel(expected, i)),
      );
      const worst = Math.max(...errors);
      t.ok(worst <= error, `${title}, ${format}: off by ${worst}, allowed ${error}`);
    }
  }
});

t.test('a channel of zeros stays one', async (t) => {
  const graph = layer((channel) => (channel === 4 ? 0 : 1));
  const inputs = { x: randomTensor({ dtype: 'f32', shape: [1, 37, 5, 5] }, 3) };
  for (const { format } of formats) {
    const { data } = channel(start(graph, { weights: format }).run(inputs).y!, 4);
    t.ok(
      data.every((value) => value === 0),
      `${format}: nothing but zeros`,
    );
  }
});

t.test('halves take half the bytes, int8 a quarter', async (t) => {
  const size = (weights: WeightFormat) =>
    compile(
      layer(() => 1),
      { weights },
    ).weights.length;
  const whole = size('f32');
  t.ok(size('f16') <= 0.5 * whole + 512, `f16: ${size('f16')} of ${whole} bytes`);
  t.ok(size('int8') <= 0.25 * whole + 512, `int8: ${size('int8')} of ${whole} bytes`);
});

t.test('the program says where weights go, and they fit', async (t) => {
  for (const { format } of formats) {
    const { program, weights }: Compiled = compile(
      layer(() => 1),
      { weights: format, exact: true },
    );
    const { bytes, parts } = program.weights;
    t.equal(bytes, weights.length, `${format}: as long as the file`);
    t.equal(
      parts.reduce((sum, part) => sum + part.bytes, 0),
      bytes,
      `${format}: and so are its parts`,
    );
    for (const part of parts)
      t.ok(part.byteOffset + part.bytes <= 65536 * program.pages, `${format}: inside of memory`);
    const unpacks = parts.some(({ unpack }) => unpack.length > 0);
    t.equal(unpacks, format !== 'f32', `${format}: unpacked only where packed`);
    t.equal(parts.at(-1)?.ready, program.run.length, `${format}: in the end all steps are ready`);
  }
});

t.test('halves are rounded to nearest even', async (t) => {
  const bits = (...values: number[]) => {
    const bytes = encodeF16(Float32Array.from(values));
    return [...new Uint16Array(bytes.buffer, bytes.byteOffset, values.length)];
  };
  t.same(bits(0, -0, 1, -2, 65504), [0, 0x8000, 0x3c00, 0xc000, 0x7bff], 'exact values');
  t.same(bits(1 + 2 ** -11, 1 + 3 * 2 ** -11), [0x3c00, 0x3c02], 'ties go to even');
  t.same(bits(1 + 2 ** -11 + 2 ** -20), [0x3c01], 'what is above a tie goes up');
  t.same(bits(2 ** -24, 2 ** -25, 3 * 2 ** -26, 2 ** -14), [1, 0, 1, 0x400], 'subnormal halves');
  t.same(bits(65519, 65520, 1e30, Infinity), [0x7bff, 0x7c00, 0x7c00, 0x7c00], 'overflow');
  t.equal(bits(Number.NaN)[0]! & 0x7e00, 0x7e00, 'NaN stays NaN');
});
