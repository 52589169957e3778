// Every real network imports; the small ones also give the stored outputs in plain loops.

import { readFileSync } from 'node:fs';
import { importOnnx } from '@espalier/importers';
import { evaluate, macs, type Tensor, verify } from '@espalier/ir';
import t, { type Test } from 'tap';
import { skipWithoutData } from '../support/shared-data.ts';
import {
  type ModelCase,
  modelCases,
  skeletonCases,
  skeletonDigests,
  type Values,
} from '../support/trained-models.ts';

/** Plain loops do about this many multiplications in a second or two. */
const mostMacs = 150e6;

const floats = ({ shape, data }: Values): Tensor => ({ type: { dtype: 'f32', shape }, data });

const mapped = <T, U>(record: Readonly<Record<string, T>>, f: (value: T) => U) =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value)]));

/** Imports a model; checks shapes, and values where plain loops take no longer than seconds. */
function check(t: Test, { file, inputs, outputs, fill }: ModelCase) {
  const graph = importOnnx(readFileSync(file), {
    file,
    shapes: mapped(inputs, ({ shape }) => shape),
    ...(fill && { fill }),
  });
  verify(graph);
  for (const [name, { shape }] of Object.entries(outputs)) {
    const found = graph.outputs.find((output) => output.name === name)?.node.type;
    t.same(found, { dtype: 'f32', shape }, `${name} has the stored shape`);
  }
  if (macs(graph) > mostMacs) return;
  const results = evaluate(graph, mapped(inputs, floats));
  for (const [name, { stride, samples, maxabs }] of Object.entries(outputs)) {
    const { data } = results[name]!;
    const worst = samples.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - data[i * stride]!)),
      0,
    );
    t.ok(worst <= 1e-4 * maxabs, `${name} is within 1e-4 of the stored output: ${worst}`);
  }
}

t.test('every trained model imports', skipWithoutData, async (t) => {
  const seen = new Set<string>();
  for (const model of modelCases()) {
    // One case is enough for plain loops.
    if (seen.has(model.model)) continue;
    seen.add(model.model);
    await t.test(`${model.title} imports`, async (t) => check(t, model));
  }
  t.ok(seen.size > 0, 'there are models');
});

t.test('every skeleton imports with weights from the formula', skipWithoutData, async (t) => {
  for (const skeleton of skeletonCases())
    await t.test(`${skeleton.title} imports`, async (t) => {
      const { made, stored } = skeletonDigests(skeleton.model);
      t.equal(made, stored, 'the weights are the stored ones');
      check(t, skeleton);
    });
});
