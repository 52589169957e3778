// Resizing against the values that ONNX publishes with its operator, and against other definitions.

import type { AttrsOf } from '@espalier/ir';
import t from 'tap';
import { byIndex, compute, computes, upTo } from '../support/by-index.ts';
import { closeTo, tensor } from '../support/tensors.ts';

type Attrs = AttrsOf<'resize'>;

const plain: Omit<Attrs, 'axes'> = {
  mode: 'nearest',
  coordinates: 'half_pixel',
  nearest: 'round_prefer_floor',
  cubicA: -0.75,
  excludeOutside: false,
  antialias: false,
  extrapolation: 0,
};

interface Published {
  /** Extents of the input, whose elements are 1, 2, 3, …. */
  readonly from: readonly [number, number];
  readonly scales?: readonly [number, number];
  readonly sizes?: readonly [number, number];
  readonly roi?: readonly (readonly [number, number])[];
  readonly attrs: Partial<Attrs>;
  readonly rows: readonly (readonly number[])[];
}

// Names as in the examples of https://onnx.ai/onnx/operators/onnx__Resize.html. Shrinking by a scale
// with aligned corners is left out: there the text divides by an extent that engines round first.
const published: Readonly<Record<string, Published>> = {
  'downsample scales nearest': {
    from: [2, 4],
    scales: [0.6, 0.6],
    attrs: {},
    rows: [[1, 3]],
  },
  'downsample scales linear': {
    from: [2, 4],
    scales: [0.6, 0.6],
    attrs: { mode: 'linear' },
    rows: [[2.6666665, 4.3333331]],
  },
  'downsample scales linear antialias': {
    from: [4, 4],
    scales: [0.6, 0.6],
    attrs: { mode: 'linear', antialias: true },
    rows: [
      [2.875, 4.5],
      [9.375, 11],
    ],
  },
  'downsample scales cubic': {
    from: [4, 4],
    scales: [0.8, 0.8],
    attrs: { mode: 'cubic' },
    rows: [
      [1.47119141, 2.78125, 4.08251953],
      [6.71142578, 8.02148438, 9.32275391],
      [11.91650391, 13.2265625, 14.52783203],
    ],
  },
  'downsample scales cubic A n0p5 exclude outside': {
    from: [4, 4],
    scales: [0.8, 0.8],
    attrs: { mode: 'cubic', cubicA: -0.5, excludeOutside: true },
    rows: [
      [1.36812675, 2.6695014, 4.0133367],
      [6.57362535, 7.875, 9.2188353],
      [11.94896657, 13.25034122, 14.59417652],
    ],
  },
  'downsample scales cubic antialias': {
    from: [4, 4],
    scales: [0.6, 0.6],
    attrs: { mode: 'cubic', antialias: true },
    rows: [
      [2.5180721, 4.2858863],
      [9.589329, 11.357142],
    ],
  },
  'downsample sizes linear pytorch half pixel': {
    from: [4, 4],
    sizes: [3, 1],
    attrs: { mode: 'linear', coordinates: 'pytorch_half_pixel' },
    rows: [[1.6666666], [7], [12.333333]],
  },
  'upsample scales linear': {
    from: [2, 2],
    scales: [2, 2],
    attrs: { mode: 'linear' },
    rows: [
      [1, 1.25, 1.75, 2],
      [1.5, 1.75, 2.25, 2.5],
      [2.5, 2.75, 3.25, 3.5],
      [3, 3.25, 3.75, 4],
    ],
  },
  'upsample scales linear align corners': {
    from: [2, 2],
    scales: [2, 2],
    attrs: { mode: 'linear', coordinates: 'align_corners' },
    rows: [
      [1, 1.33333333, 1.66666667, 2],
      [1.66666667, 2, 2.33333333, 2.66666667],
      [2.33333333, 2.66666667, 3, 3.33333333],
      [3, 3.33333333, 3.66666667, 4],
    ],
  },
  'upsample scales linear half pixel symmetric': {
    from: [2, 2],
    scales: [2.3, 2.94],
    attrs: { mode: 'linear', coordinates: 'half_pixel_symmetric' },
    rows: [
      [1, 1.15986395, 1.5, 1.84013605, 2],
      [1.56521738, 1.72508133, 2.06521738, 2.40535343, 2.56521738],
      [2.43478262, 2.59464657, 2.93478262, 3.27491867, 3.43478262],
      [3, 3.15986395, 3.5, 3.84013605, 4],
    ],
  },
  'upsample sizes nearest floor align corners': {
    from: [4, 4],
    sizes: [8, 8],
    attrs: { nearest: 'floor', coordinates: 'align_corners' },
    rows: upTo(8).map((row) =>
      [1, 1, 1, 2, 2, 3, 3, 4].map((x) => x + [0, 0, 0, 4, 4, 8, 8, 12][row]!),
    ),
  },
  'upsample sizes nearest ceil half pixel': {
    from: [4, 4],
    sizes: [8, 8],
    attrs: { nearest: 'ceil' },
    rows: upTo(8).map((row) =>
      [1, 2, 2, 3, 3, 4, 4, 4].map((x) => x + [0, 4, 4, 8, 8, 12, 12, 12][row]!),
    ),
  },
  'upsample sizes nearest round prefer ceil asymmetric': {
    from: [4, 4],
    sizes: [8, 8],
    attrs: { nearest: 'round_prefer_ceil', coordinates: 'asymmetric' },
    rows: upTo(8).map((row) =>
      [1, 2, 2, 3, 3, 4, 4, 4].map((x) => x + [0, 4, 4, 8, 8, 12, 12, 12][row]!),
    ),
  },
  'tf crop and resize': {
    from: [4, 4],
    sizes: [3, 3],
    roi: [
      [0.4, 0.6],
      [0.6, 0.8],
    ],
    attrs: { mode: 'linear', coordinates: 'tf_crop_and_resize' },
    rows: [
      [7.6, 7.9, 8.2],
      [8.8, 9.1, 9.4],
      [10, 10.3, 10.6],
    ],
  },
  'tf crop and resize extrapolation value': {
    from: [4, 4],
    sizes: [3, 3],
    roi: [
      [0.4, 1.2],
      [0.6, 1.7],
    ],
    attrs: { mode: 'linear', coordinates: 'tf_crop_and_resize', extrapolation: 10 },
    rows: [
      [7.6, 10, 10],
      [12.4, 10, 10],
      [10, 10, 10],
    ],
  },
};

t.test('resizes as ONNX publishes', async (t) => {
  for (const [name, { from, scales, sizes, roi, attrs, rows }] of Object.entries(published)) {
    const x = tensor(
      `f32[1,1,${from}]`,
      upTo(from[0] * from[1]).map((i) => i + 1),
    );
    const axes = [0, 1].map((i) => {
      const scale = scales?.[i] ?? sizes![i]! / from[i]!;
      const outLength = sizes?.[i] ?? Math.floor(from[i]! * scale);
      return { axis: 2 + i, outLength, scale, ...(roi && { roi: roi[i]! }) };
    });
    const y = compute('resize', [x], { ...plain, ...attrs, axes });
    const expected = tensor(`f32[1,1,${rows.length},${rows[0]!.length}]`, rows.flat());
    closeTo(t, y, expected, 2e-6, name); // eight published digits
  }
});

t.test('centres tf_half_pixel_for_nn on pixels', async (t) => {
  const x = tensor('f32[4]', [1, 2, 3, 4]);
  const at = (outLength: number) =>
    compute('resize', [x], {
      ...plain,
      coordinates: 'tf_half_pixel_for_nn',
      nearest: 'floor',
      axes: [{ axis: 0, outLength, scale: outLength / 4 }],
    }).data;
  t.same([...at(2)], [2, 4], 'output i reads the pixel at (i + ½) / scale: 1 and 3');
  t.same([...at(8)], [1, 1, 2, 2, 3, 3, 4, 4], 'and growing repeats');
});

t.test('copies where nothing changes', async (t) => {
  const x = byIndex('f32[2,3,5]', ([a, b, c]) => a! * 100 + b! * 10 + c!);
  for (const mode of ['nearest', 'linear', 'cubic'] as const)
    for (const coordinates of ['half_pixel', 'align_corners', 'asymmetric'] as const) {
      const axes = [
        { axis: 1, outLength: 3, scale: 1 },
        { axis: 2, outLength: 5, scale: 1 },
      ];
      const y = compute('resize', [x], { ...plain, mode, coordinates, axes });
      closeTo(t, y, x, 0, `${mode}, ${coordinates}`);
    }
});

t.test(
  'shrinks linearly by halves: blocks of two without antialias, triangles with',
  computes('resize', [
    {
      inputs: ['f32[1,2,4,6]'],
      attrs: {
        ...plain,
        mode: 'linear',
        axes: [
          { axis: 2, outLength: 2, scale: 0.5 },
          { axis: 3, outLength: 3, scale: 0.5 },
        ],
      },
      output: 'f32[1,2,2,3]',
      formula: ([n, c, h, w], x) => {
        const at = (dh: number, dw: number) => x!(n!, c!, 2 * h! + dh, 2 * w! + dw);
        return (at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)) / 4;
      },
    },
    {
      inputs: ['f32[12]'],
      attrs: {
        ...plain,
        mode: 'linear',
        antialias: true,
        axes: [{ axis: 0, outLength: 6, scale: 0.5 }],
      },
      output: 'f32[6]',
      // A triangle two pixels wide on either side of the middle, cut where the border repeats.
      formula: ([to], x) => {
        const clamped = (i: number) => x!(Math.min(Math.max(i, 0), 11));
        const taps = [-1, 0, 1, 2].map((i) => ({ i, w: 1 - Math.abs(i - 0.5) / 2 }));
        const total = taps.reduce((sum, { w }) => sum + w, 0);
        return taps.reduce((sum, { i, w }) => sum + (w / total) * clamped(2 * to! + i), 0);
      },
    },
  ]),
);

t.test('keeps a constant constant, whatever the filter', async (t) => {
  const x = byIndex('f32[7,5]', () => 3);
  for (const mode of ['linear', 'cubic'] as const)
    for (const antialias of [false, true])
      for (const excludeOutside of [false, true])
        for (const [rows, columns] of [
          [13, 1],
          [3, 12],
          [1, 2],
        ] as const) {
          const axes = [
            { axis: 0, outLength: rows, scale: rows / 7 },
            { axis: 1, outLength: columns, scale: columns / 5 },
          ];
          const attrs = { ...plain, mode, antialias, excludeOutside, axes };
          const expected = byIndex(`f32[${rows},${columns}]`, () => 3);
          closeTo(t, compute('resize', [x], attrs), expected, 1e-6, JSON.stringify(attrs));
        }
});

t.test('nearest is a copy by one tap', async (t) => {
  const x = tensor('f32[2]', [Number.NaN, Infinity]);
  const axes = [{ axis: 0, outLength: 4, scale: 2 }];
  const y = compute('resize', [x], { ...plain, axes });
  // With a second tap of weight 0 the infinity would become a NaN.
  t.same([...y.data], [Number.NaN, Number.NaN, Infinity, Infinity], 'no other element is read');
});
