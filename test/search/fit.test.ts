// Fitting without training: plans, recovery, acceptance.

import { compile, latency, optimise, profileOf } from '@espalier/compiler';
import { createBuilder, evaluate, type Graph, type Node, randomTensor } from '@espalier/ir';
import { agreementOf, costsOf, fit, prunableLayers, strategies } from '@espalier/search';
import t from 'tap';
import { momentsOf } from '../../packages/search/src/moments.ts';
import { narrow } from '../../packages/search/src/narrow.ts';
import { product } from '../../packages/search/src/products.ts';
import { refitTo } from '../../packages/search/src/refit.ts';
import { centre, drawPlaces, rowsAt } from '../../packages/search/src/rows.ts';
import { createWalk } from '../../packages/search/src/walk.ts';
import { randomInputs } from '../support/random-inputs.ts';

t.setTimeout(600_000);

const type = (...shape: number[]) => ({ dtype: 'f32', shape }) as const;
const same = { stride: [1, 1], dilation: [1, 1], pads: [1, 1, 1, 1], groups: 1 } as const;
const profile = profileOf('wasm');

/**
 * Three layers, the second of whose inputs come in pairs: half of its kernels can go without any loss, if
 * those that stay make up for them.
 */
function redundant(): Graph {
  const b = createBuilder();
  const first = randomTensor(type(64, 8, 3, 3), 1);
  const bias = randomTensor(type(64), 2);
  // Output o + 32 is output o again.
  first.data.set(first.data.subarray(0, first.data.length / 2), first.data.length / 2);
  bias.data.set(bias.data.subarray(0, 32), 32);
  const x = b.input('x', type(1, 8, 16, 16));
  const relu = (y: Node) => b.scalar('relu', y);
  const wide = relu(b.conv(x, b.constant(first, 'w1'), b.constant(bias, 'b1'), same));
  const deep = relu(
    b.conv(
      wide,
      b.constant(randomTensor(type(64, 64, 3, 3), 3), 'w2'),
      b.constant(randomTensor(type(64), 4), 'b2'),
      same,
    ),
  );
  const y = b.conv(
    deep,
    b.constant(randomTensor(type(8, 64, 3, 3), 5), 'w3'),
    b.constant(randomTensor(type(8), 6), 'b3'),
    same,
  );
  return { inputs: [x], outputs: [{ name: 'y', node: y }] };
}

t.test('what is redundant goes, and the rest makes up for it', async (t) => {
  const graph = optimise(redundant());
  const options = { profile, inputs: randomInputs(graph, 8), speedup: 1.15, drop: 0.02 };
  const fitted = await fit(graph, options);
  t.ok(fitted.accepted, fitted.reason);
  t.ok(
    fitted.shipped.ms * 1.15 <= fitted.dense.ms,
    `${fitted.dense.ms} ms become ${fitted.shipped.ms} ms`,
  );
  const predicted = latency(compile(fitted.graph, { profile }).report.work, profile).totalMs;
  t.equal(predicted, fitted.shipped.ms, 'the prediction is that of the program that ships');
  const fresh = randomInputs(graph, 4, 900);
  const score = agreementOf(graph)(
    fresh.map((feeds) => evaluate(graph, feeds)),
    fresh.map((feeds) => evaluate(fitted.graph, feeds)),
  );
  t.ok(score > 0.97, `on inputs that it never saw it agrees in ${score}`);
  t.same((await fit(graph, options)).plan, fitted.plan, 'the same inputs give the same plan');
});

t.test('the dense network ships where no plan is good enough', async (t) => {
  const graph = optimise(redundant());
  const fitted = await fit(graph, {
    profile,
    inputs: randomInputs(graph, 4),
    speedup: 1.5,
    drop: 0.0001,
  });
  t.notOk(fitted.accepted, fitted.reason);
  t.equal(fitted.graph, graph, 'untouched');
  t.match(fitted.reason, /agreement 0\.\d+ only/, 'with the reason');
});

t.test('wishes that cannot come true name what can', async (t) => {
  const graph = optimise(redundant());
  const two = randomInputs(graph, 2);
  const pins = { scheme: 'blockColumns', sparsity: 0.6 } as const; // few choices are soon studied
  const best = / are out of reach; the best is \d/;
  for (const wish of [
    { speedup: 1000 },
    { limits: { ms: 0.0001 } },
    { limits: { bytes: 1000 } },
    { limits: { memoryBytes: 1000 } },
  ])
    await t.rejects(fit(graph, { profile, inputs: two, pins, ...wish }), {
      code: 'UNREACHABLE',
      message: best,
    });
  await t.rejects(async () => fit(graph, { profile, inputs: randomInputs(graph, 1) }), {
    code: 'TOO_FEW_INPUTS',
  });
  await t.rejects(
    async () => fit(graph, { profile, inputs: two, pins: { layers: { nowhere: {} } } }),
    { code: 'UNKNOWN_LAYER' },
  );
  const wrong = [
    { x: randomTensor(type(1, 8, 8, 8), 1) },
    { x: randomTensor(type(1, 8, 8, 8), 2) },
  ];
  await t.rejects(fit(graph, { profile, inputs: wrong }), { code: 'BAD_CALIBRATION' });
});

t.test('bytes and memory bound a plan too, and all bounds hold together', async (t) => {
  const graph = optimise(redundant());
  const dense = costsOf(graph, profile);
  const limits = {
    ms: 0.85 * dense.ms,
    bytes: 0.75 * dense.bytes,
    memoryBytes: 0.9 * dense.memoryBytes,
  };
  const fitted = await fit(graph, { profile, inputs: randomInputs(graph, 4), limits, drop: 1 });
  t.ok(fitted.accepted, fitted.reason);
  const costs = costsOf(fitted.graph, profile);
  for (const name of ['ms', 'bytes', 'memoryBytes'] as const)
    t.ok(costs[name] <= limits[name], `${name}: ${costs[name]} of ${limits[name]}`);
});

t.test('pins decide for all layers, or for one', async (t) => {
  const graph = optimise(redundant());
  const pins = { scheme: 'blockColumns', sparsity: 0.8 } as const;
  const [, second] = prunableLayers(graph);
  const { plan } = await fit(graph, {
    profile,
    inputs: randomInputs(graph, 4),
    drop: 10,
    pins: { ...pins, layers: { [second!.name]: { scheme: 'none' } } },
  });
  t.equal(plan.length, 3, 'a plan of every layer');
  t.same(
    plan.map(({ scheme, sparsity }) => [scheme, sparsity]),
    plan.map(({ layer }) => (layer === second!.name ? ['none', 0] : ['blockColumns', 0.8])),
    'as the pins say',
  );
});

t.test('a metric of the user judges, on held-out inputs', async (t) => {
  const graph = optimise(redundant());
  const seen: number[] = [];
  const fitted = await fit(graph, {
    profile,
    inputs: randomInputs(graph, 6),
    speedup: 1.15,
    pins: { sparsity: 0.6 },
    precision: 'f32',
    madeUp: true,
    metric: (outputs) => {
      seen.push(outputs.length);
      return seen.length === 1 ? 0.9 : 0.7;
    },
  });
  t.notOk(fitted.accepted, fitted.reason);
  t.match(fitted.reason, /metric 0\.7000 after 0\.9000/, 'with both figures');
  t.same(seen, [3, 3], 'dense and fitted, on half of the inputs');
});

t.test('a refit is the least-squares solution over what is kept', async (t) => {
  const graph = optimise(redundant());
  const [, layer] = prunableLayers(graph);
  const feeds = randomInputs(graph, 2);
  const walk = createWalk(graph, prunableLayers(graph), feeds);
  const places = drawPlaces(layer!, feeds.length, 1);
  const rows = rowsAt(
    layer!,
    walk.advance(1).map(({ x }) => x),
    places,
  );
  const plain = rows.data.slice();
  const means = centre(rows);
  const wanted = randomTensor(type(rows.rows, 64), 3).data as Float32Array;
  const observed = {
    seen: rows,
    means,
    blocks: momentsOf(layer!, rows),
    before: product(rows, { rows: 64, columns: rows.columns, data: layer!.weights }),
  };
  const mask = Uint8Array.from(layer!.weights, (_, i) => (i % 3 === 0 ? 0 : 1));
  const fitTo = refitTo(layer!, observed, mask);
  const target = { rows: rows.rows, columns: 64, data: wanted };
  fitTo({ ...target, data: wanted.map((value) => 2 - value) }); // one fit leaves nothing to the next
  const fitted = fitTo(target);
  t.ok(
    fitted.weights.every((weight, i) => mask[i] === 1 || weight === 0),
    'what went stays away',
  );
  const columns = rows.columns;
  /** What a layer's weights cost, in plain loops: squared errors, and the pull to what they were. */
  const objective = (output: number, weights: Float32Array, bias: number) => {
    let error = 0;
    for (let row = 0; row < rows.rows; row++) {
      let y = bias;
      for (let k = 0; k < columns; k++)
        y += plain[row * columns + k]! * weights[output * columns + k]!;
      error += (y - wanted[row * 64 + output]!) ** 2 / rows.rows;
    }
    let [energy, pull] = [0, 0];
    for (const value of rows.data) energy += value ** 2 / rows.rows / columns;
    for (let k = 0; k < columns; k++)
      pull += (weights[output * columns + k]! - layer!.weights[output * columns + k]!) ** 2;
    return error + 0.001 * Math.max(1, (8 * columns) / rows.rows) * energy * pull;
  };
  for (const output of [0, 17]) {
    const best = objective(output, fitted.weights, fitted.bias[output]!);
    for (const k of [1, 100, 500])
      for (const step of [-0.02, 0.02]) {
        const other = fitted.weights.slice();
        const at = output * columns + k - ((output * columns + k) % 3) + 1;
        other[at]! += step;
        t.ok(objective(output, other, fitted.bias[output]!) > best, `weight ${at} by ${step}`);
      }
    t.ok(objective(output, fitted.weights, fitted.bias[output]! + 0.02) > best, 'nor another bias');
  }
});

t.test('the fastest speed that is good enough is found in few tries', async (t) => {
  for (const factor of [0.05, 0.4, 1, 3, 20])
    for (const power of [1, 2, 4]) {
      const lossOf = (speed: number) => 0.03 * factor * (speed - 1) ** power;
      const tried: number[] = [];
      const prospect = { top: 4, effort: 6, drop: 0.01, expected: (s: number) => 0.03 * (s - 1) };
      await narrow(prospect, async (speeds) => {
        t.ok(speeds.length === 2 && speeds[0]! > speeds[1]!, 'two at once, the bolder first');
        tried.push(...speeds);
        return speeds.map(lossOf);
      });
      t.ok(tried.length <= 6, 'no more than allowed');
      const best = Math.max(1, ...tried.filter((speed) => lossOf(speed) <= 0.01));
      const wanted = Math.min(4, 1 + (0.01 / (0.03 * factor)) ** (1 / power));
      t.ok(best > 0.9 * wanted, `${best} of ${wanted}, after ${tried.length}`);
    }
});

t.test('a walk sees what a whole run sees', async (t) => {
  const graph = optimise(redundant());
  const layers = prunableLayers(graph);
  const feeds = randomInputs(graph, 2);
  const walk = createWalk(graph, layers, feeds);
  for (const [index, { node }] of layers.entries()) {
    const readings = walk.advance(index);
    for (const [i, { x }] of readings.entries()) {
      const part = { inputs: graph.inputs, outputs: [{ name: 'x', node: node.inputs[0]! }] };
      const wanted = evaluate(part, feeds[i]!).x!;
      let [worst, size] = [0, 0];
      for (const [k, value] of wanted.data.entries()) {
        worst = Math.max(worst, Math.abs(value - x.data[k]!));
        size = Math.max(size, Math.abs(value));
      }
      t.ok(worst < 1e-3 * size, `layer ${index}, input ${i}: ${worst} of ${size}`);
    }
  }
});

t.test('a knapsack is never beaten within its budget', async (t) => {
  for (let seed = 1; seed <= 40; seed++) {
    const { data } = randomTensor(type(64), seed);
    const value = (i: number) => Math.abs(data[i]!);
    const layers = Array.from({ length: 4 }, (_, l) =>
      Array.from({ length: 4 }, (_, c) => ({
        ms: value(l * 4 + c) + 0.05,
        harm: value(32 + l * 4 + c),
      })),
    );
    const budget = 0.4 * layers.reduce((sum, c) => sum + Math.max(...c.map(({ ms }) => ms)), 0);
    let best = Number.POSITIVE_INFINITY;
    for (let code = 0; code < 4 ** 4; code++) {
      const picks = layers.map((c, l) => c[Math.floor(code / 4 ** l) % 4]!);
      // Times are rounded up to steps of the budget.
      const ms = picks.reduce(
        (sum, pick) => sum + Math.ceil(pick.ms / (budget / 2000)) * (budget / 2000),
        0,
      );
      if (ms <= budget * (1 + 1e-12))
        best = Math.min(
          best,
          picks.reduce((sum, { harm }) => sum + harm, 0),
        );
    }
    const chosen = strategies.knapsack(layers, budget);
    if (!chosen) {
      t.equal(best, Number.POSITIVE_INFINITY, `problem ${seed} has no solution`);
      continue;
    }
    const ms = chosen.reduce((sum, c, l) => sum + layers[l]![c]!.ms, 0);
    const harm = chosen.reduce((sum, c, l) => sum + layers[l]![c]!.harm, 0);
    t.ok(ms <= budget, `problem ${seed}: within ${budget}`);
    t.ok(Math.abs(harm - best) < 1e-9, `problem ${seed}: ${harm} is the least harm, ${best}`);
  }
});

t.test('agreement counts top classes, or measures the distance', async (t) => {
  const output = (shape: readonly number[], ...values: number[]) => ({
    y: { type: { dtype: 'f32' as const, shape }, data: Float32Array.from(values) },
  });
  const network = (make: (b: ReturnType<typeof createBuilder>, x: Node) => Node): Graph => {
    const b = createBuilder();
    const x = b.input('x', type(1, 1, 1, 2));
    return { inputs: [x], outputs: [{ name: 'y', node: make(b, x) }] };
  };
  const plain = agreementOf(network((b, x) => b.scalar('neg', x)));
  t.equal(
    plain([output([2, 3], 1, 2, 3, 3, 2, 1)], [output([2, 3], 0, 9, 8, 5, 1, 1)]),
    0.5,
    'one of two rows names another class',
  );
  const score = plain([output([2], 3, 4)], [output([2], 3, 3)]);
  t.ok(Math.abs(score - 0.8) < 1e-9, `one off of a length of five: ${score}`);
  const map = agreementOf(
    network((b, x) => b.reshape(b.scalar('sigmoid', x), { shape: [1, 1, 2] })),
  );
  const decisions = map([output([1, 1, 4], 1, 0.8, 0, 0.2)], [output([1, 1, 4], 1, 0.4, 0, 0)]);
  t.equal(decisions, 0.75, 'one of two yeses is lost, no no');
  t.equal(map([output([1, 1, 2], 0, 0)], [output([1, 1, 2], 0, 0)]), 1, 'nothing is like nothing');
});
