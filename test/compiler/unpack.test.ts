import t from 'tap';
import { encodeF16 } from '../../packages/compiler/src/emit/half.ts';
import { assemble } from '../../packages/compiler/src/targets/wasm/assembler.ts';
import type { WeightLayout } from '../../packages/compiler/src/targets/wasm/kernel.ts';
import { encodeModule } from '../../packages/compiler/src/targets/wasm/module.ts';
import { unpackWeights } from '../../packages/compiler/src/targets/wasm/unpack.ts';

const [codesAt, scalesAt, resultAt] = [0, 0x40000, 0x80000];

/** Unpacks codes; the elements, and a word behind them that has to stay as it was. */
function unpack(
  kind: 'f16' | 'int8',
  layout: WeightLayout,
  codes: Uint8Array,
  scales: readonly number[],
): Float32Array {
  const { write } = unpackWeights({ kind, layout, preparation: undefined });
  const body = assemble(3, false, (asm) => write(asm, ...asm.params));
  const bytes = encodeModule([body], 16) as Uint8Array<ArrayBuffer>;
  const memory = new WebAssembly.Memory({ initial: 16 });
  new Uint8Array(memory.buffer).set(codes, codesAt);
  new Float32Array(memory.buffer).set(scales, scalesAt / 4);
  const count = layout.blocks * Number(layout.rows) * layout.lanes;
  const result = new Float32Array(memory.buffer, resultAt, count + 1);
  result[count] = 0.5;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { e: { m: memory } });
  (exports.f0 as (...addresses: number[]) => void)(codesAt, scalesAt, resultAt);
  return result;
}

/** What IEEE 754 says that a half is. */
function valueOfHalf(bits: number): number {
  const [sign, exponent, mantissa] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return mantissa ? Number.NaN : sign * Infinity;
  return (
    sign * (exponent === 0 ? mantissa * 2 ** -24 : (1 + mantissa / 1024) * 2 ** (exponent - 15))
  );
}

t.test('unpacks every half, subnormal, infinite or not a number', async (t) => {
  const halves = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
  const layout = { blocks: 4, rows: 2048, lanes: 8 };
  const ones = new Array<number>(32).fill(1);
  const result = unpack('f16', layout, new Uint8Array(halves.buffer), ones);
  const wrong = [...halves].filter((bits) => !Object.is(result[bits], valueOfHalf(bits)));
  t.same(wrong, [], 'every bit pattern');
  t.equal(result[65536], 0.5, 'nothing is written behind');
});

t.test('rounds to the nearest half, ties to even', async (t) => {
  const finite = Array.from({ length: 0x7c00 }, (_, bits) => valueOfHalf(bits));
  const between = finite.slice(0, -1).map((value, i) => (value + finite[i + 1]!) / 2);
  const codes = (values: readonly number[]) =>
    new Uint16Array(encodeF16(Float32Array.from(values)).buffer);
  t.same([...codes(finite)], [...finite.keys()], 'halves are themselves');
  t.same(
    [...codes(between)],
    [...between.keys()].map((i) => i + (i & 1)),
    'ties',
  );
  t.same([...codes([1e6, -1e6, 65519, 65520])], [0x7c00, 0xfc00, 0x7bff, 0x7c00], 'overflow');
  t.ok(Number.isNaN(valueOfHalf(codes([Number.NaN])[0]!)), 'NaN stays one');
});

t.test('scales each block and lane by its own', async (t) => {
  for (const [blocks, rows, lanes] of [
    [1, 1, 4],
    [3, 7, 8],
    [2, 1, 8],
    [5, 13, 4],
  ] as const) {
    const scales = Array.from({ length: blocks * lanes }, (_, i) => (i + 1) * 0.25);
    const count = blocks * rows * lanes;
    const codes = Int8Array.from({ length: count }, (_, i) => ((i * 37) % 256) - 128);
    const expected = [...codes].map((code, i) => {
      const block = Math.floor(i / (rows * lanes));
      return code * scales[block * lanes + (i % lanes)]!;
    });
    const layout = { blocks, rows, lanes };
    const text = `${blocks} blocks of ${rows} rows of ${lanes}`;
    const fromBytes = unpack('int8', layout, new Uint8Array(codes.buffer), scales);
    t.same([...fromBytes], [...expected, 0.5], `bytes, ${text}`);
    // Codes of at most 128 are halves, too.
    const fromHalves = unpack('f16', layout, encodeF16(Float32Array.from(codes)), scales);
    t.same([...fromHalves], [...expected, 0.5], `halves, ${text}`);
  }
});
