// Profiles, prices, and what is predicted from them.

import {
  compile,
  fitPrices,
  latency,
  type Profile,
  parseProfile,
  profileNames,
  profileOf,
  showProfile,
  type Work,
} from '@espalier/compiler';
import { type Graph, parse, randomSource } from '@espalier/ir';
import t from 'tap';
import { nonNegativeLeastSquares } from '../../packages/compiler/src/devices/nnls.ts';
import { featuresOf } from '../../packages/compiler/src/devices/work.ts';
import type { Tally } from '../../packages/compiler/src/targets/wasm/tally.ts';
import { withKernel } from '../support/run-compiled.ts';

const caches = { l1Bytes: 1000, l2Bytes: 100_000, l3Bytes: 10_000_000 };

const depthwiseGraph = (): Graph =>
  parse(`
    x = input f32[1,32,14,14]
    w = constant f32[32,1,3,3] seed 1
    b = constant f32[32] seed 2
    y = conv(x, w, b) {dilation: [1, 1], groups: 32, pads: [1, 1, 1, 1], stride: [1, 1]}
    return y
  `);

/** A profile in which one kernel costs so much a vector instruction. */
function pricing(kernel: string, ns: number): Profile {
  const wasm = profileOf('wasm');
  const list = { ns: { arithmetic: ns }, measuredNs: [1, 1e9] } as const;
  const any = { ...list, ns: { arithmetic: 1 } };
  const program = { step: 0, floor: {} };
  const module = { any, epilogue: {}, kernels: { [kernel]: list }, program };
  return { ...wasm, prices: { plain: module, relaxed: module } };
}

t.test('least squares finds a solution that is not negative', async (t) => {
  const next = randomSource(3);
  const truth = [0.5, 0, 2, 0, 0.01];
  const rows = Array.from({ length: 40 }, () => truth.map((_, i) => 10 ** i * next()));
  const values = rows.map((row) => row.reduce((sum, a, i) => sum + a * truth[i]!, 0));
  const found = nonNegativeLeastSquares(rows, values, 0);
  truth.forEach((value, i) => {
    t.ok(Math.abs(found[i]! - value) < 1e-6, `component ${i} is ${found[i]}, of ${value}`);
  });
});

t.test('least squares gives zero where the best would be negative', async (t) => {
  // The unbounded solution of x + y = 1, x + 2y = 0 is (2, −1).
  const found = nonNegativeLeastSquares(
    [
      [1, 1],
      [1, 2],
    ],
    [1, 0],
    0,
  );
  t.ok(Math.abs(found[0]! - 0.5) < 1e-9, 'the other takes the least squares alone');
  t.equal(found[1], 0, 'never below zero');
});

t.test('prices that made times are found from them', async (t) => {
  const next = randomSource(5);
  const samples = Array.from({ length: 30 }, () => {
    const arithmetic = Math.ceil(1e5 * next());
    const vectorLoad = Math.ceil(1e5 * next());
    const tally = { arithmetic, vectorLoad };
    const work: Work = {
      label: 'made up',
      kernel: 'made-up',
      tally: { plain: tally, relaxed: tally },
      constantBytes: 0,
      activationBytes: 500,
      rereads: [],
    };
    return { work, ns: 0.25 * arithmetic + 0.5 * vectorLoad + 40 };
  });
  // One of them was disturbed.
  samples[7] = { ...samples[7]!, ns: 9 * samples[7]!.ns };
  const { ns } = fitPrices(samples, [], 'plain', caches).kernels['made-up']!;
  t.ok(Math.abs(ns.arithmetic! / 0.25 - 1) < 0.03, `an operation costs ${ns.arithmetic}`);
  t.ok(Math.abs(ns.vectorLoad! / 0.5 - 1) < 0.03, `a load costs ${ns.vectorLoad}`);
});

t.test('what an epilogue costs in one kernel it costs in all', async (t) => {
  const next = randomSource(9);
  const truth = { epilogueArithmetic: 0.05, epilogueFunction: 0.2, epilogueDivision: 1.25 };
  const bodies = { dense: 0.125, sparse: 0.5, bare: 2 };
  type Kernel = keyof typeof bodies;
  const count = (most: number) => Math.ceil(most * next());
  const sampleOf = (kernel: Kernel, tally: Tally) => {
    const work: Work = {
      label: kernel,
      kernel,
      tally: { plain: tally, relaxed: tally },
      constantBytes: 0,
      activationBytes: 500,
      rereads: [],
    };
    const { arithmetic = 0, ...rest } = tally;
    const epilogueNs = Object.entries(truth).reduce(
      (sum, [kind, ns]) => sum + ns * (rest[kind as keyof typeof truth] ?? 0),
      0,
    );
    return { work, ns: bodies[kernel] * arithmetic + epilogueNs + 30 };
  };
  const samples = Array.from({ length: 40 }, (_, i) => {
    const arithmetic = count(1e5);
    if (i % 4 === 0) return sampleOf('bare', { arithmetic });
    // Only one of the kernels is ever timed with a division, as hard-swish has, or with a function.
    if (i % 4 === 1) return sampleOf('sparse', { arithmetic, epilogueArithmetic: count(1e5) });
    const seldom =
      i % 4 === 2 ? { epilogueFunction: count(1e5) } : { epilogueDivision: count(1e5) };
    return sampleOf('dense', { arithmetic, epilogueArithmetic: count(1e5), ...seldom });
  });
  const prices = fitPrices(samples, [], 'plain', caches);
  for (const [kind, ns] of Object.entries(truth)) {
    const found = prices.epilogue[kind as keyof typeof truth]!;
    t.ok(Math.abs(found / ns - 1) < 0.01, `${kind} costs ${found}, of ${ns}`);
  }
  for (const [kernel, ns] of Object.entries(bodies)) {
    const found = prices.kernels[kernel]!.ns.arithmetic!;
    t.ok(Math.abs(found / ns - 1) < 0.01, `an operation of ${kernel} costs ${found}, of ${ns}`);
  }
  const profile: Profile = { ...profileOf('wasm'), caches, prices: { plain: prices } };
  const unseen = sampleOf('sparse', {
    arithmetic: 5e4,
    epilogueDivision: 5e4,
    epilogueFunction: 1e4,
  });
  const { ms } = latency([unseen.work], { ...profile, modules: ['plain'] }).steps[0]!;
  t.ok(
    Math.abs((1e6 * ms) / unseen.ns - 1) < 0.01,
    'a kernel is predicted with an epilogue that it was never timed with',
  );
});

t.test('bytes come from the level that still holds them', async (t) => {
  const tally = { plain: {}, relaxed: {} };
  const work = { label: '', kernel: '', tally, activationBytes: 0, rereads: [] };
  const from = (constantBytes: number, roundBytes?: number) => {
    const { fromL2, fromL3, fromMemory } = featuresOf(
      { ...work, constantBytes },
      'plain',
      caches,
      roundBytes,
    );
    return [fromL2 ?? 0, fromL3 ?? 0, fromMemory ?? 0];
  };
  t.same(from(500), [0, 0, 0], 'what the first level holds is free');
  t.same(from(50_000), [50_000, 0, 0], 'the second holds it');
  t.same(from(500, 1e6), [0, 500, 0], 'others have displaced it since');
  t.same(from(500, 1e9), [0, 0, 500], 'all caches have been walked over');
});

t.test('a kernel is chosen by its predicted time', async (t) => {
  const kernelsOf = (profile: Profile) =>
    compile(depthwiseGraph(), { profile }).report.work.map(({ kernel }) => kernel);
  t.ok(kernelsOf(pricing('conv-depthwise', 0.1)).includes('conv-depthwise'), 'where it is cheap');
  t.notOk(kernelsOf(pricing('conv-depthwise', 1e6)).includes('conv-depthwise'), 'where it is dear');
  const picked = compile(depthwiseGraph(), withKernel('conv-direct'));
  t.ok(
    // Groups of one output cost as few other convolutions do.
    picked.report.work.some(({ kernel }) => kernel === 'conv-narrow'),
    'a caller may overrule it',
  );
});

t.test('a prediction says where it is a guess', async (t) => {
  const { work } = compile(depthwiseGraph(), withKernel('conv-depthwise')).report;
  const guesses = (profile: Profile) =>
    latency(work, profile)
      .steps.filter(({ guessed }) => guessed)
      .map(({ kernel }) => kernel);
  t.notOk(guesses(pricing('conv-depthwise', 0.1)).includes('conv-depthwise'), 'it was measured');
  t.ok(guesses(pricing('conv-depthwise', 0.1)).includes('copy-interleaved'), 'copies were not');
  t.ok(guesses(pricing('conv-depthwise', 1e9)).includes('conv-depthwise'), 'it is far outside');
});

t.test('the total is the sum of the steps', async (t) => {
  const { work } = compile(depthwiseGraph()).report;
  for (const module of ['plain', 'relaxed'] as const) {
    const { totalMs, steps } = latency(work, profileOf('wasm'), module);
    const sum = steps.reduce((total, { ms }) => total + ms, 0);
    t.ok(totalMs > 0 && Math.abs(sum - totalMs) < 1e-9, `${module} takes ${totalMs} ms`);
    t.equal(steps.length, work.length, 'a prediction a step');
  }
});

t.test('profiles that come along are of the form, and are written as they were read', async (t) => {
  for (const name of profileNames) {
    const profile = profileOf(name);
    t.equal(profile.name, name, `${name} is called so`);
    t.same(parseProfile(showProfile(profile), name), profile, `${name} survives`);
  }
});

t.test('a profile of another form is refused with the place', async (t) => {
  const good = JSON.parse(showProfile(profileOf('wasm'))) as Record<string, unknown>;
  const refuses = (change: Record<string, unknown>, place: RegExp) =>
    t.throws(
      () => parseProfile(JSON.stringify({ ...good, ...change }), 'x.json'),
      { code: 'BAD_PROFILE', message: place },
      `${place} is named`,
    );
  refuses({ format: 1 }, /x\.json: format/);
  refuses({ colour: 'red' }, /x\.json\.colour/);
  refuses({ modules: [] }, /modules/);
  refuses({ modules: ['fast'] }, /modules/);
  refuses({ clockGHz: 3 }, /clockGHz/);
  refuses({ clockGHz: { value: -3, source: 'a book' } }, /clockGHz\.value/);
  refuses({ clockGHz: { value: 3, source: '' } }, /clockGHz\.source/);
  refuses({ caches: { l1Bytes: 1, l2Bytes: 1 } }, /caches\.l3Bytes/);
  const list = { ns: { arithmetic: 1 }, measuredNs: [0, 1] };
  const prices = (any: unknown, epilogue: unknown = {}) => ({
    prices: {
      plain: { any, epilogue, kernels: {}, program: { step: 0, floor: {} } },
      relaxed: { any: list, epilogue: {}, kernels: {}, program: { step: 0, floor: {} } },
    },
  });
  refuses(prices({ ns: { arithmetic: -1 }, measuredNs: [0, 1] }), /ns\.arithmetic/);
  refuses(prices({ ns: { magic: 1 }, measuredNs: [0, 1] }), /ns\.magic/);
  refuses(prices({ ns: {}, measuredNs: [0] }), /measuredNs/);
  refuses(prices({ ns: { epilogueLoad: 1 }, measuredNs: [0, 1] }), /any\.ns\.epilogueLoad/);
  refuses(prices(list, { arithmetic: 1 }), /epilogue\.arithmetic/);
  refuses(prices(list, null), /epilogue/);
  refuses(prices(list, { epilogueLoad: -1 }), /epilogue\.epilogueLoad/);
  t.throws(() => parseProfile('{', 'x.json'), { code: 'BAD_PROFILE' }, 'it has to be JSON');
});
