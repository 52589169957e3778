// Layers in parts: the same results, in whatever order and on whatever thread the parts are done.

import { type CompileOptions, compile } from '@espalier/compiler';
import { type Graph, parse, randomTensor, type Tensor } from '@espalier/ir';
import type { Program } from '@espalier/runtime';
import t, { type Test } from 'tap';
import { graphOf } from '../support/compiled-models.ts';
import { randomGraph } from '../support/random-graph.ts';
import { start, withKernel } from '../support/run-compiled.ts';
import { skipWithoutData } from '../support/shared-data.ts';
import { modelCases, skeletonCases } from '../support/trained-models.ts';

t.setTimeout(900_000);

const convolution = (
  x: string,
  [o, i, taps]: readonly [number, number, number],
  { stride = 1, groups = 1, epilogue = '' } = {},
) => {
  const pad = (taps - 1) / 2;
  return [
    `w${o}${i}${taps} = constant f32[${o},${i / groups},${taps},${taps}] seed ${o + taps} from -0.2 to 0.2`,
    `b${o}${i}${taps} = constant f32[${o}] seed ${i + taps} from -1 to 1`,
    `y${o}${i}${taps} = conv(${x}, w${o}${i}${taps}, b${o}${i}${taps}${epilogue.includes('a1') ? '; x' : ''}) {dilation: [1, 1], groups: ${groups}, pads: [${pad}, ${pad}, ${pad}, ${pad}], stride: [${stride}, ${stride}]}${epilogue && ` then ${epilogue}`}`,
  ].join('\n');
};

/** A chain in which every kind of split layer reads what another one wrote in parts. */
const chain = (): Graph =>
  parse(`x = input f32[1,40,30,26]
${convolution('x', [72, 40, 3], { epilogue: 'relu(a0)' })}
${convolution('y72403', [72, 72, 5], { groups: 72 })}
${convolution('y72725', [40, 72, 1], { epilogue: 'a0 + a1' })}
${convolution('y40721', [100, 40, 3], { stride: 2 })}
return y100403
`);

/** Two layers that write into their parts of a concatenation, which a third reads with a margin. */
const joined = (): Graph =>
  parse(`x = input f32[1,40,30,26]
${convolution('x', [44, 40, 3])}
${convolution('x', [60, 40, 1])}
c = concat(y44403, y60401) {axis: 1}
${convolution('c', [36, 104, 3])}
return y361043
`);

/** The steps of a program with the parts of every group in the opposite order. */
function backwards({ run, parallel }: Program): Program['run'] {
  const steps = [...run];
  for (const group of parallel?.groups ?? []) {
    const parts = group.slice(1).map((end, part) => run.slice(group[part], end));
    steps.splice(group[0]!, group.at(-1)! - group[0]!, ...parts.reverse().flat());
  }
  return steps;
}

type Inputs = Readonly<Record<string, Tensor>>;

/** Parts, the last first, give what whole layers give, bit by bit; how many layers are split. */
function sameInParts(
  t: Test,
  what: string,
  graph: Graph,
  inputs: Inputs,
  { threads = 2, ...options }: CompileOptions = {},
): number {
  const want = start(graph, options).run(inputs);
  const inParts = start(graph, { ...options, threads }, 'plain', backwards);
  // Memory that the first round has used is not as clean as it was.
  inParts.run(inputs);
  const got = inParts.run(inputs);
  const bytes = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  for (const [name, tensor] of Object.entries(want))
    t.ok(
      bytes(tensor).equals(bytes(got[name]!)),
      `${what}, ${name}: parts for ${threads} threads give the same`,
    );
  return inParts.compiled.program.parallel?.groups.length ?? 0;
}

const x = randomTensor({ dtype: 'f32', shape: [1, 40, 30, 26] }, 1);

t.test('computes the same in parts as whole, to the last bit', async (t) => {
  t.equal(sameInParts(t, 'a chain', chain(), { x }), 4, 'all four layers are split');
  t.equal(sameInParts(t, 'a join', joined(), { x }), 3, 'all three layers are split');
  for (const threads of [3, 8]) sameInParts(t, 'a chain', chain(), { x }, { threads });
});

for (const kernel of ['conv-direct', 'conv-winograd-f2', 'conv-winograd-f4', 'conv-planes-1'])
  t.test(`splits layers of ${kernel}`, async (t) => {
    t.ok(sameInParts(t, kernel, chain(), { x }, withKernel(kernel)) >= 3, 'layers are split');
  });

t.test('splits layers of codes', async (t) => {
  const options = { precision: 'int8' } as const;
  t.ok(sameInParts(t, 'int8', chain(), { x }, options) >= 3, 'layers are split');
});

t.test('random graphs give the same in parts', async (t) => {
  for (let seed = 1; seed <= 100; seed++) {
    const { graph, inputs } = randomGraph(seed, 20);
    sameInParts(t, `seed ${seed}`, graph, inputs);
  }
});

/** Skeletons with layers of every kind that is split, which run in a few milliseconds. */
const quick: readonly string[] = ['mobilenet_v2', 'resnet18', 'yolo_fastest_1_1_320'];

t.test('trained models and skeletons give the same in parts', skipWithoutData, async (t) => {
  const skeletons = [...skeletonCases()].filter(({ model }) => quick.includes(model));
  for (const given of [...modelCases(), ...skeletons]) {
    const inputs = Object.entries(given.inputs).map(
      ([name, { shape, data }]) => [name, { type: { dtype: 'f32', shape }, data }] as const,
    );
    const count = sameInParts(t, given.title, graphOf(given), Object.fromEntries(inputs));
    t.comment(`${given.title}: ${count} layers in parts`);
  }
});

t.test('leaves small layers and one thread as they are', async (t) => {
  const small = parse(`x = input f32[1,8,4,4]
${convolution('x', [16, 8, 3])}
return y1683
`);
  t.notOk(compile(small, { threads: 2 }).program.parallel, 'a small layer is whole');
  t.notOk(compile(chain()).program.parallel, 'without threads there are no parts');
});
