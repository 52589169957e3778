// Convolutions and pools against their definitions, over awkward windows.

import { type AttrsOf, elementCount } from '@espalier/ir';
import t from 'tap';
import { compute, computes, type FormulaCase, reader, sumOver, upTo } from '../support/by-index.ts';
import { closeTo, randomTensor, tensor, typeOf } from '../support/tensors.ts';

type Sliding = Omit<AttrsOf<'conv'>, 'groups'>;

const slidings: readonly Sliding[] = [
  { stride: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0] },
  { stride: [1, 1], dilation: [1, 1], pads: [1, 1, 1, 1] },
  { stride: [2, 1], dilation: [1, 2], pads: [2, 0, 0, 1] },
  { stride: [3, 2], dilation: [2, 1], pads: [0, 3, 4, 0] },
];

const windows = (size: number, taps: number, pads: number, step: number, gap: number) =>
  Math.floor((size + pads - (taps - 1) * gap - 1) / step) + 1;

/** Rows and columns of the result of sliding a kernel over `[h, w]`; undefined if it does not fit. */
function extents(
  [h, w]: readonly [number, number],
  [r, s]: readonly [number, number],
  { stride, dilation, pads }: Sliding,
): readonly [number, number] | undefined {
  const rows = windows(h, r, pads[0] + pads[2], stride[0], dilation[0]);
  const columns = windows(w, s, pads[1] + pads[3], stride[1], dilation[1]);
  return rows > 0 && columns > 0 ? [rows, columns] : undefined;
}

const sizes = [
  [1, 1],
  [3, 7],
  [7, 3],
  [13, 5],
] as const;

const kernels = [
  [1, 1],
  [3, 3],
  [2, 5],
] as const;

const grid = slidings.flatMap((sliding) =>
  sizes.flatMap((size) =>
    kernels.flatMap((kernel) => {
      const out = extents(size, kernel, sliding);
      return out ? [{ sliding, size, kernel, out }] : [];
    }),
  ),
);

const convCases = grid.flatMap(({ sliding, size, kernel, out }) =>
  [
    { n: 1, c: 1, o: 1, groups: 1 },
    { n: 3, c: 3, o: 7, groups: 1 },
    { n: 1, c: 6, o: 4, groups: 2 },
    { n: 1, c: 3, o: 6, groups: 3 },
  ].map(({ n, c, o, groups }): FormulaCase => {
    const { stride, dilation, pads } = sliding;
    const perGroup = c / groups;
    return {
      inputs: [`f32[${n},${c},${size}]`, `f32[${o},${perGroup},${kernel}]`, `f32[${o}]`],
      attrs: { ...sliding, groups },
      output: `f32[${n},${o},${out}]`,
      formula: ([image, channel, row, column], x, w, bias) => {
        const first = Math.floor((channel! * groups) / o) * perGroup;
        const taps = sumOver([perGroup, ...kernel], (i, r, s) => {
          const y = row! * stride[0] - pads[0] + r! * dilation[0];
          const z = column! * stride[1] - pads[1] + s! * dilation[1];
          return x!(image!, first + i!, y, z) * w!(channel!, i!, r!, s!);
        });
        return bias!(channel!) + taps;
      },
    };
  }),
);

t.test('conv sums taps, whatever the window', computes('conv', convCases));

/** Padding stands for 0, and so does its code. */
const integerCases = slidings.flatMap((sliding): FormulaCase[] => {
  const { stride, dilation, pads } = sliding;
  const out = extents([7, 9], [3, 2], sliding);
  if (!out) return [];
  return [1, 2].map((groups) => ({
    inputs: ['u8[2,4,7,9]', `i32[6,${4 / groups},3,2]`, 'i32[6]'],
    attrs: { ...sliding, groups, zero: 5 },
    output: `i32[2,6,${out}]`,
    formula: ([image, o, row, column], x, w, bias) =>
      bias!(o!) +
      sumOver([4 / groups, 3, 2], (i, r, s) => {
        const y = row! * stride[0] + r! * dilation[0] - pads[0];
        const z = column! * stride[1] + s! * dilation[1] - pads[1];
        const inside = y >= 0 && y < 7 && z >= 0 && z < 9;
        const channel = Math.floor(o! / (6 / groups)) * (4 / groups) + i!;
        return inside ? (x!(image!, channel, y, z) - 5) * w!(o!, i!, r!, s!) : 0;
      }),
  }));
});

t.test('convInteger sums codes less that of zero', computes('convInteger', integerCases));

/** Where a pixel must lie to reach output `at` through tap `tap`; NaN reads as outside. */
const origin = (at: number, tap: number, stride: number, gap: number, pad: number) => {
  const steps = (at + pad - tap * gap) / stride;
  return Number.isInteger(steps) ? steps : -1;
};

const transposedCases = slidings.flatMap((sliding) =>
  [
    { n: 2, c: 3, o: 4, groups: 1, size: [1, 3], kernel: [3, 4], outputPadding: [0, 0] },
    { n: 1, c: 4, o: 6, groups: 2, size: [4, 3], kernel: [5, 4], outputPadding: [1, 0] },
    { n: 1, c: 3, o: 3, groups: 3, size: [3, 5], kernel: [3, 3], outputPadding: [0, 1] },
  ].flatMap(({ n, c, o, groups, size, kernel, outputPadding }): FormulaCase[] => {
    const { stride, dilation, pads } = sliding;
    const out = [0, 1].map(
      (axis) =>
        (size[axis]! - 1) * stride[axis]! +
        dilation[axis]! * (kernel[axis]! - 1) +
        1 +
        outputPadding[axis]! -
        pads[axis]! -
        pads[axis + 2]!,
    );
    if (out.some((extent) => extent < 1)) return [];
    const [inGroup, perGroup] = [c / groups, o / groups];
    return [
      {
        inputs: [`f32[${n},${c},${size}]`, `f32[${c},${perGroup},${kernel}]`, `f32[${o}]`],
        attrs: { ...sliding, groups, outputPadding },
        output: `f32[${n},${o},${out}]`,
        formula: ([image, channel, row, column], x, w, bias) => {
          const first = Math.floor(channel! / perGroup) * inGroup;
          const taps = sumOver([inGroup, ...kernel], (i, r, s) => {
            const y = origin(row!, r!, stride[0], dilation[0], pads[0]);
            const z = origin(column!, s!, stride[1], dilation[1], pads[1]);
            return x!(image!, first + i!, y, z) * w!(first + i!, channel! % perGroup, r!, s!);
          });
          return bias!(channel!) + taps;
        },
      },
    ];
  }),
);

t.test('convTranspose gathers what conv would have spread', async (t) => {
  t.ok(transposedCases.length >= 8, `${transposedCases.length} cases`);
  await computes('convTranspose', transposedCases)(t);
});

t.test('convTranspose is the adjoint of conv', async (t) => {
  for (const { sliding, size, kernel, out } of grid) {
    const x = randomTensor(typeOf(`f32[2,4,${size}]`), 1);
    const w = randomTensor(typeOf(`f32[6,2,${kernel}]`), 2);
    const g = randomTensor(typeOf(`f32[2,6,${out}]`), 3);
    const attrs = { ...sliding, groups: 2 };
    const outputPadding = [0, 1].map(
      (axis) =>
        size[axis]! -
        ((out[axis]! - 1) * sliding.stride[axis]! +
          sliding.dilation[axis]! * (kernel[axis]! - 1) +
          1 -
          sliding.pads[axis]! -
          sliding.pads[axis + 2]!),
    );
    const zeros = (n: number) => tensor(`f32[${n}]`, new Array<number>(n).fill(0));
    const y = compute('conv', [x, w, zeros(6)], attrs);
    const back = compute('convTranspose', [g, w, zeros(4)], { ...attrs, outputPadding });
    const dot = (a: typeof x, b: typeof x) =>
      [...a.data].reduce((sum, value, i) => sum + value * b.data[i]!, 0);
    // Both are sums of a few hundred products of size 1, each rounded to 6e-8.
    t.ok(Math.abs(dot(y, g) - dot(x, back)) < 1e-4, `⟨conv(x), g⟩ = ⟨x, convᵀ(g)⟩ for ${size}`);
  }
});

const poolCases = (
  fold: (values: readonly number[], full: number) => number,
  attrs: object = {},
): FormulaCase[] =>
  grid.map(({ sliding, size, kernel, out }) => {
    const { stride, dilation, pads } = sliding;
    return {
      inputs: [`f32[2,3,${size}]`],
      attrs: { ...sliding, kernel, ...attrs },
      output: `f32[2,3,${out}]`,
      formula: ([n, c, row, column], x) => {
        const values = upTo(kernel[0]).flatMap((r) =>
          upTo(kernel[1]).flatMap((s) => {
            const y = row! * stride[0] - pads[0] + r * dilation[0];
            const z = column! * stride[1] - pads[1] + s * dilation[1];
            const inside = y >= 0 && y < size[0] && z >= 0 && z < size[1];
            return inside ? [x!(n!, c!, y, z)] : [];
          }),
        );
        return fold(values, elementCount(kernel));
      },
    };
  });

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

t.test(
  'maxPool takes the greatest, and padding never wins',
  computes(
    'maxPool',
    poolCases((values) => Math.max(...values)),
  ),
);

t.test(
  'sumPool adds what lies inside',
  computes(
    'sumPool',
    poolCases((values) => sum(values)),
  ),
);

t.test(
  'avgPool averages over what lies inside',
  computes(
    'avgPool',
    poolCases((values) => sum(values) / values.length, { countPads: false }),
  ),
);

t.test(
  'avgPool may count padding as zeros',
  computes(
    'avgPool',
    poolCases((values, full) => sum(values) / full, { countPads: true }),
  ),
);

t.test('maxPool lets a NaN through', async (t) => {
  const x = tensor('f32[1,1,1,4]', [1, Number.NaN, 2, 3]);
  const attrs = { kernel: [1, 2], stride: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0] };
  const expected = tensor('f32[1,1,1,3]', [Number.NaN, Number.NaN, 3]);
  closeTo(t, compute('maxPool', [x], attrs), expected, 0, 'as the scalar max does');
});

t.test('conv adds in double precision', async (t) => {
  // 2²⁴ + 1 − 2²⁴ is 0 in single precision.
  const x = tensor('f32[1,3,1,1]', [2 ** 24, 1, -(2 ** 24)]);
  const w = tensor('f32[1,3,1,1]', [1, 1, 1]);
  const y = compute('conv', [x, w, tensor('f32[1]', [0])], { ...slidings[0], groups: 1 });
  t.same([...y.data], [1], 'the small term survives');
  t.equal(reader(y)(0, 0, 0, 0), 1, 'read by its index');
});
