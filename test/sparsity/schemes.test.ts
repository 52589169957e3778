// Projections: exact counts, the same again when repeated, and groups that are the mask.

import { randomTensor } from '@espalier/ir';
import {
  blockLists,
  keptCount,
  type Mask,
  magnitude,
  masked,
  type Params,
  project,
  type SchemeName,
  schemes,
  sizeOf,
  standardPatterns,
  supportGroups,
  type WeightShape,
} from '@espalier/sparsity';
import fc from 'fast-check';
import t from 'tap';

const randomWeights = (shape: WeightShape, seed: number): Float32Array =>
  randomTensor({ dtype: 'f32', shape: [sizeOf(shape)] }, seed).data as Float32Array;

const shapes = fc.record({
  filters: fc.integer({ min: 1, max: 21 }),
  channels: fc.integer({ min: 1, max: 13 }),
  positions: fc.constantFrom(1, 4, 9, 25),
});

const sizes: Readonly<Record<SchemeName, readonly Partial<Params>[]>> = {
  blockColumns: [{ filters: 8 }, { filters: 4 }, { filters: 1 }],
  blockPunched: [
    { filters: 8, channels: 4 },
    { filters: 4, channels: 1 },
  ],
  blockRows: [{ columns: 8 }, { columns: 3 }],
  channel: [{}],
  filter: [{}],
  kernelBlock: [{ filters: 8 }, { filters: 2 }],
  nOfM: [
    { of: 4, filters: 8 },
    { of: 4, filters: 1 },
    { of: 3, filters: 2 },
  ],
  pattern: [{}],
  unstructured: [{}],
};

/** How many units a scheme has, by how it is defined. */
const unitsOf: Partial<
  Record<SchemeName, (shape: WeightShape, params: Partial<Params>) => number>
> = {
  blockColumns: ({ filters, channels, positions }, p) =>
    Math.ceil(filters / p.filters!) * channels * positions,
  blockPunched: ({ filters, channels, positions }, p) =>
    Math.ceil(filters / p.filters!) * Math.ceil(channels / p.channels!) * positions,
  blockRows: ({ filters, channels, positions }, p) =>
    filters * Math.ceil((channels * positions) / p.columns!),
  channel: ({ channels }) => channels,
  filter: ({ filters }) => filters,
  kernelBlock: ({ filters, channels }, p) => Math.ceil(filters / p.filters!) * channels,
  unstructured: sizeOf,
};

/** The sets of weights that stay or go together, found without the scheme: equal keys are one unit. */
const unitKey: Partial<
  Record<
    SchemeName,
    (p: Partial<Params>, f: number, c: number, k: number, s: WeightShape) => string
  >
> = {
  blockColumns: (p, f, c, k) => `${Math.floor(f / p.filters!)},${c},${k}`,
  blockPunched: (p, f, c, k) => `${Math.floor(f / p.filters!)},${Math.floor(c / p.channels!)},${k}`,
  blockRows: (p, f, c, k, s) => `${f},${Math.floor((c * s.positions + k) / p.columns!)}`,
  channel: (_, _f, c) => `${c}`,
  filter: (_, f) => `${f}`,
  kernelBlock: (p, f, c) => `${Math.floor(f / p.filters!)},${c}`,
  unstructured: (_, f, c, k) => `${f},${c},${k}`,
};

/** The units of a mask: how many there are, how many stay; fails if one is cut through. */
function countUnits(name: SchemeName, mask: Mask, shape: WeightShape, params: Partial<Params>) {
  const states = new Map<string, Set<number>>();
  mask.forEach((kept, at) => {
    const position = at % shape.positions;
    const channel = Math.floor(at / shape.positions) % shape.channels;
    const filter = Math.floor(at / (shape.positions * shape.channels));
    const key = unitKey[name]!(params, filter, channel, position, shape);
    states.set(key, (states.get(key) ?? new Set()).add(kept));
  });
  return {
    count: states.size,
    kept: [...states.values()].filter((state) => state.has(1)).length,
    whole: [...states.values()].every((state) => state.size === 1),
  };
}

for (const name of Object.keys(unitsOf) as SchemeName[])
  t.test(`${name} keeps whole units, exactly as many as asked for`, async (t) => {
    for (const params of sizes[name])
      fc.assert(
        fc.property(
          shapes,
          fc.double({ min: 0, max: 0.99, noNaN: true }),
          fc.nat(),
          (shape, sparsity, seed) => {
            if (
              schemes[name].refuses?.(shape, {
                filters: 1,
                channels: 1,
                columns: 1,
                of: 1,
                ...params,
              })
            )
              return;
            const weights = randomWeights(shape, seed);
            const mask = project(schemes[name], magnitude(weights), shape, sparsity, params);
            const { count, kept, whole } = countUnits(name, mask, shape, params);
            const units = unitsOf[name]!(shape, params);
            if (!whole || count !== units || kept !== units - Math.round(units * sparsity))
              throw new Error(`${count} units of ${units}, ${kept} stay, whole: ${whole}`);
          },
        ),
        { numRuns: 60, seed: 1 },
      );
    t.pass(`${sizes[name].length} block sizes`);
  });

t.test('a projection of what is left is the same projection', async (t) => {
  for (const [name, scheme] of Object.entries(schemes))
    for (const params of sizes[name as SchemeName]) {
      const shape = { filters: 16, channels: 12, positions: 9 };
      const weights = randomWeights(shape, 4);
      const once = project(scheme, magnitude(weights), shape, 0.75, params);
      const twice = project(scheme, magnitude(masked(weights, once)), shape, 0.75, params);
      t.same(twice, once, `${name} ${JSON.stringify(params)}`);
    }
});

t.test('no other choice of units keeps more', async (t) => {
  const shape = { filters: 4, channels: 3, positions: 1 };
  const scores = magnitude(randomWeights(shape, 9));
  const total = (mask: Mask) => scores.reduce((sum, s, i) => sum + s * mask[i]!, 0);
  const best = project(schemes.unstructured, scores, shape, 0.5);
  for (let bits = 0; bits < 2 ** 12; bits++) {
    const other = Uint8Array.from({ length: 12 }, (_, i) => (bits >> i) & 1);
    if (keptCount(other) === 6 && total(other) > total(best)) t.fail(`${bits} keeps more`);
  }
  t.equal(keptCount(best), 6, 'half of twelve');
});

t.test('N of M keeps N in every group', async (t) => {
  const shape = { filters: 8, channels: 8, positions: 1 };
  for (const filters of [1, 8]) {
    const mask = project(schemes.nOfM, magnitude(randomWeights(shape, 2)), shape, 0.5, {
      of: 4,
      filters,
    });
    for (let at = 0; at < mask.length; at += 4)
      t.equal(
        keptCount(mask.subarray(at, at + 4)),
        2,
        `2 of 4 from ${at} on, shared by ${filters}`,
      );
  }
});

t.test('patterns keep four positions of equally many kernels of each filter', async (t) => {
  const shape = { filters: 6, channels: 9, positions: 9 };
  const sparsity = 1 - (4 / 9) * (3 / 9);
  const mask = project(schemes.pattern, magnitude(randomWeights(shape, 3)), shape, sparsity);
  const library = new Set(standardPatterns.map((pattern) => pattern.join()));
  for (let filter = 0; filter < 6; filter++) {
    const kernels = Array.from({ length: 9 }, (_, c) => {
      const at = (filter * 9 + c) * 9;
      return [...mask.subarray(at, at + 9)].flatMap((kept, i) => (kept ? [i] : [])).join();
    }).filter(Boolean);
    t.equal(kernels.length, 3, `filter ${filter} keeps three kernels`);
    t.ok(
      kernels.every((kernel) => library.has(kernel)),
      'each by a pattern of the library',
    );
  }
});

t.test('groups are the mask, and cover nothing else', async (t) => {
  for (const [name, scheme] of Object.entries(schemes)) {
    const shape = { filters: 19, channels: 6, positions: 9 };
    const mask = project(scheme, magnitude(randomWeights(shape, 7)), shape, 0.7);
    const columns = shape.channels * shape.positions;
    const covered = new Uint8Array(mask.length);
    for (const group of supportGroups(mask, shape.filters))
      for (const row of group.rows)
        for (const column of group.columns) covered[row * columns + column] = 1;
    t.same(covered, mask, `${name}: support groups`);
    const blocks = new Uint8Array(mask.length);
    blockLists(mask, shape.filters, 4).forEach((list, block) => {
      for (let row = 4 * block; row < Math.min(19, 4 * block + 4); row++)
        for (const column of list) blocks[row * columns + column] = 1;
    });
    t.ok(
      mask.every((kept, i) => !kept || blocks[i]),
      `${name}: blocks of 4 cover all that stays`,
    );
  }
});

t.test('refuses what cannot be, naming the sizes', async (t) => {
  const shape = { filters: 4, channels: 2, positions: 1 };
  const scores = new Float32Array(8);
  const refused: readonly [SchemeName, number, Partial<Params>, string][] = [
    ['unstructured', 1, {}, 'BAD_SPARSITY'],
    ['unstructured', Number.NaN, {}, 'BAD_SPARSITY'],
    ['unstructured', 0.5, { filters: 2 }, 'BAD_SCHEME'],
    ['kernelBlock', 0.5, { filters: 8 }, 'BAD_SCHEME'],
    ['kernelBlock', 0.5, { filters: 0 }, 'BAD_SCHEME'],
    ['blockPunched', 0.5, { filters: 4, channels: 4 }, 'BAD_SCHEME'],
    ['pattern', 0.8, {}, 'BAD_SCHEME'],
  ];
  for (const [name, sparsity, params, code] of refused)
    t.throws(
      () => project(schemes[name], scores, shape, sparsity, params),
      { code },
      `${name} ${sparsity}`,
    );
  t.throws(
    () => project(schemes.pattern, new Float32Array(72), { ...shape, positions: 9 }, 0.3),
    { code: 'BAD_SPARSITY' },
    'patterns take more than that',
  );
});
