// Whole channels that go: those that others stand in for, together wherever they are coupled.

import { compile, latency, optimise, profileOf } from '@espalier/compiler';
import {
  createBuilder,
  evaluate,
  type Graph,
  type Node,
  randomTensor,
  type Tensor,
  verify,
} from '@espalier/ir';
import { agreementOf, fit, fittedNetwork, prunableLayers } from '@espalier/search';
import t from 'tap';
import { widthGroups } from '../../packages/search/src/widths/groups.ts';
import { narrowed, widened } from '../../packages/search/src/widths/narrowed.ts';
import { pickWidths } from '../../packages/search/src/widths/pick.ts';
import { randomInputs } from '../support/random-inputs.ts';

t.setTimeout(600_000);

const type = (...shape: number[]) => ({ dtype: 'f32', shape }) as const;
const plain = { stride: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0], groups: 1 } as const;
const same = { ...plain, pads: [1, 1, 1, 1] } as const;
const profile = profileOf('wasm');

/** An inverted residual block whose hidden channels come in pairs, between two layers of a residual stream. */
function block(): Graph {
  const b = createBuilder();
  let seed = 1;
  const random = (...shape: number[]) => randomTensor(type(...shape), seed++);
  const conv = (x: Node, w: Tensor, bias: Tensor, attrs: object) =>
    b.conv(x, b.constant(w, `w${seed}`), b.constant(bias, `b${seed}`), { ...same, ...attrs });
  const x = b.input('x', type(1, 3, 24, 24));
  const stem = b.scalar('relu', conv(x, random(16, 3, 3, 3), random(16), {}));
  /** The second half of the outputs is the first again. */
  const paired = (...shape: number[]) => {
    const one = random(...shape);
    one.data.set(one.data.subarray(0, one.data.length / 2), one.data.length / 2);
    return one;
  };
  const wide = b.scalar('relu', conv(stem, paired(96, 16, 1, 1), paired(96), { ...plain }));
  const spread = b.scalar('relu', conv(wide, paired(96, 1, 3, 3), paired(96), { groups: 96 }));
  const back = b.scalar('add', conv(spread, random(16, 96, 1, 1), random(16), plain), stem);
  const y = conv(back, random(8, 16, 3, 3), random(8), {});
  return optimise({ inputs: [x], outputs: [{ name: 'y', node: y }] });
}

t.test('channels that others stand in for go, and the network computes what it did', async (t) => {
  const graph = block();
  const options = { profile, inputs: randomInputs(graph, 8), drop: 0.05 };
  const fitted = await fit(graph, options);
  t.ok(fitted.accepted, fitted.reason);
  const [hidden] = fitted.widths;
  t.equal(hidden?.units, 96, 'the hidden channels');
  const gone = new Set(hidden!.dropped);
  t.ok(gone.size >= 32, `${gone.size} of 48 that are there twice go`);
  const whole = [...gone].filter((unit) => unit < 48 && gone.has(unit + 48));
  t.ok(whole.length <= 8, `of most pairs one stays: not of ${whole.length}`);
  verify(fitted.graph);
  const fresh = randomInputs(graph, 4, 900);
  const run = (network: Graph) => fresh.map((feeds) => evaluate(network, feeds));
  const score = agreementOf(graph)(run(graph), run(fitted.graph));
  t.ok(score > 0.94, `on inputs that it never saw it agrees in ${score}`);
  const predicted = latency(compile(fitted.graph, { profile }).report.work, profile).totalMs;
  t.equal(predicted, fitted.shipped.ms, 'the prediction is that of the program that ships');
  const again = fittedNetwork(graph, fitted.weights, fitted.widths, fitted.precision);
  t.same(
    run(again).map(({ y }) => y!.data),
    run(fitted.graph).map(({ y }) => y!.data),
    'weights and widths make the network again',
  );
  t.same((await fit(graph, options)).widths, fitted.widths, 'the same inputs, the same channels');
});

t.test('where a speed is asked for, a plan that keeps all channels is tried too', async (t) => {
  const graph = block();
  const options = { profile, inputs: randomInputs(graph, 8), drop: 1, speedup: 1.2 };
  const wide = await fit(graph, { ...options, madeUp: true, effort: 1 });
  const fitted = await fit(graph, options);
  t.ok(fitted.accepted, fitted.reason);
  t.ok(fitted.trials.length <= 6, `${fitted.trials.length} plans`);
  const same = fitted.trials.find(({ ms }) => ms === wide.shipped.ms);
  t.equal(same?.score, wide.shipped.score, 'the plan of a search that narrows nothing');
  t.equal(
    fitted.shipped.score,
    Math.max(...fitted.trials.map(({ score }) => score)),
    'the best ships',
  );
  const again = fittedNetwork(graph, fitted.weights, fitted.widths, fitted.precision);
  t.equal(latency(compile(again, { profile }).report.work, profile).totalMs, fitted.shipped.ms);
});

t.test('a width by hand is obeyed, for all channels or for those of one layer', async (t) => {
  const graph = block();
  const common = { profile, inputs: randomInputs(graph, 4), drop: 10, effort: 1 };
  const all = await fit(graph, { ...common, pins: { width: 0.25, scheme: 'none' } });
  t.ok(all.accepted, all.reason);
  for (const { group, units, dropped } of all.widths)
    t.equal(dropped.length, (3 * units) / 4, `${group} keeps a quarter`);
  const [wide] = prunableLayers(graph);
  const one = await fit(graph, {
    ...common,
    pins: { scheme: 'none', width: 1, layers: { [wide!.name]: { width: 0.5 } } },
  });
  t.equal(one.widths.length, 1, 'one group');
  t.equal(one.widths[0]?.dropped.length, 48, 'loses half');
  const last = prunableLayers(graph).at(-1)!;
  await t.rejects(
    async () => fit(graph, { ...common, pins: { layers: { [last.name]: { width: 0.5 } } } }),
    { code: 'CANNOT_NARROW', message: /reaches output y/ },
  );
});

t.test('groups say who reads them, or why they stay', async (t) => {
  const groups = widthGroups(block(), profile);
  const hidden = groups.find(({ units }) => units === 96)!;
  t.equal(hidden.refused, undefined, 'hidden channels may go');
  t.same(
    hidden.readers.map(({ layer }) => layer),
    [1],
    'the layer after the depthwise one makes up for them',
  );
  t.ok(hidden.unitMs > 0, 'they take time');
  t.match(groups.find(({ units }) => units === 8)?.refused, /reaches output/);
  t.match(groups.find(({ units }) => units === 3)?.refused, /reaches input/);
});

t.test('units go while their harm is less than their time is worth, in whole lanes', async (t) => {
  const group = {
    name: 'g',
    units: 16,
    makers: ['a'],
    readers: [{ layer: 0, units: Int32Array.from({ length: 16 }, (_, i) => i) }],
    unitMs: 1,
  };
  const harms = Float64Array.from({ length: 16 }, (_, i) => (i < 6 ? 0.1 : 10));
  const pick = (rate: number, width?: number) =>
    pickWidths([group], [harms], rate, width === undefined ? {} : { width }).get('g');
  t.same(pick(0.2), [0, 1, 2, 3], 'eight would take two that matter');
  t.equal(pick(0.05), undefined, 'none is worth it');
  t.equal(pick(100)?.length, 12, 'something always stays');
  t.same(pick(0, 0.75), [0, 1, 2, 3], 'by hand');
});

t.test('masks of narrower layers fit the wide ones', async (t) => {
  const graph = block();
  const { name } = widthGroups(graph, profile).find(({ units }) => units === 96)!;
  const { layers, kept } = narrowed(graph, new Map([[name, [0, 5, 95]]]));
  const [, reader] = prunableLayers(graph);
  const mask = Uint8Array.from(layers[1]!.weights, (_, i) => i % 2);
  const wide = widened(mask, reader!, kept[1]!);
  t.equal(wide.length, 16 * 96, 'as long as the weights were');
  for (const gone of [0, 5, 95]) t.equal(wide[96 + gone], 0, `channel ${gone} is gone`);
  t.same(
    Array.from({ length: 93 }, (_, i) => wide[96 + kept[1]!.channels[i]!]),
    [...mask.subarray(93, 2 * 93)],
    'the others as the mask says',
  );
  t.throws(() => narrowed(graph, new Map([[name, [96]]])), { code: 'CANNOT_NARROW' });
  t.throws(() => narrowed(graph, new Map([['nowhere', [0]]])), { code: 'CANNOT_NARROW' });
});
