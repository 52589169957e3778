// ONNX's own conformance cases: the operators of the networks that must work, in float32, int64 and bool.

import { readFileSync } from 'node:fs';
import { importOnnx, readOnnx, readOnnxTensor } from '@espalier/importers';
import { EspalierError, type Graph, type Tensor } from '@espalier/ir';
import type { Test } from 'tap';
import { difference } from './compare.ts';
import { sharedData } from './shared-data.ts';
import { readZip } from './zip.ts';

interface Entry {
  readonly ops: readonly string[];
  readonly dtypes: readonly number[];
  readonly ort: 'agrees' | 'differs' | 'unsupported';
}

/** float32, int64 and bool, by their numbers in TensorProto. */
const dtypes = new Set([1, 7, 9]);

/** Operators of the networks that must work: in data/models, the OCR models and the skeletons. */
const required = new Set(
  `Abs Add AveragePool BatchNormalization Cast Clip Concat Constant ConstantOfShape Conv
  ConvTranspose DepthToSpace Div Elu Equal Erf Expand Flatten Gather Gemm GlobalAveragePool
  HardSigmoid HardSwish Identity InstanceNormalization LayerNormalization LeakyRelu MatMul MaxPool
  Mul PRelu Pad Pow ReduceMax ReduceMean Relu Reshape Resize Shape Sigmoid Slice Softmax Softplus
  Split Sqrt Squeeze Sub Tanh Transpose Unsqueeze Where`.split(/\s+/),
);

/** What decides shapes is an input of many cases; there it is known at import, as it must be. */
function importCase(bytes: Buffer, file: string, inputs: Readonly<Record<string, Tensor>>): Graph {
  const names = Object.keys(inputs);
  for (const dynamic of [names.length, 1, 0]) {
    const known = names.slice(dynamic).map((name) => [name, inputs[name]!] as const);
    try {
      return importOnnx(bytes, { file, values: Object.fromEntries(known) });
    } catch (error) {
      const tooDynamic = error instanceof EspalierError && error.code === 'NOT_CONSTANT';
      if (!tooDynamic || dynamic === 0) throw error;
    }
  }
  throw new Error('the loop ends in a graph or an error');
}

/** Sums of a few hundred products in another order, and transcendentals within a few ulp. */
const tolerance = { relative: 1e-4, absolute: 1e-5 };

/** Runs a graph on inputs by name. */
export type Engine = (
  graph: Graph,
  inputs: Readonly<Record<string, Tensor>>,
) => Readonly<Record<string, Tensor>>;

/** Asserts that an engine gives what every case says, and prints the counts by operator. */
export function conforms(t: Test, evaluate: Engine): void {
  const archive = readZip(readFileSync(sharedData('onnx-node-tests.zip')));
  const index = JSON.parse(archive.get('index.json')!().toString()) as Record<string, Entry>;
  const tally = new Map<string, { ran: number; passed: number; later: number }>();
  const totals = { ran: 0, passed: 0, later: 0 };
  for (const [name, { ops, dtypes: used, ort }] of Object.entries(index)) {
    if (ort !== 'agrees' || !used.every((dtype) => dtypes.has(dtype))) continue;
    const member = (path: string) => archive.get(`${name}/${path}`)?.();
    const bytes = member('model.onnx')!;
    const counted = (what: 'ran' | 'passed' | 'later') => {
      totals[what]++;
      for (const op of new Set(ops)) {
        if (!tally.has(op)) tally.set(op, { ran: 0, passed: 0, later: 0 });
        tally.get(op)![what]++;
      }
    };
    const tensors = (kind: 'input' | 'output', names: readonly string[]) =>
      Object.fromEntries(
        names.flatMap((key, i) => {
          const file = `test_data_set_0/${kind}_${i}.pb`;
          const found = member(file);
          return found === undefined ? [] : [[key, readOnnxTensor(found, { file })] as const];
        }),
      );
    try {
      const { graph: model } = readOnnx(bytes, { file: name });
      const given = model.input.map((input) => input.name).filter(Boolean);
      const inputs = tensors('input', given);
      const graph = importCase(bytes, name, inputs);
      counted('ran');
      const outputs = evaluate(graph, inputs);
      const wanted = tensors(
        'output',
        model.output.map((output) => output.name),
      );
      const wrong = Object.entries(wanted).flatMap(([key, tensor]) => {
        const found = difference(tensor, outputs[key], tolerance);
        return found === undefined ? [] : [`${key}: ${found}`];
      });
      if (wrong.length === 0) counted('passed');
      t.same(wrong, [], `${name} agrees`);
    } catch (error) {
      const later = error instanceof EspalierError && error.code === 'UNSUPPORTED_OP';
      if (later) counted('later');
      if (!later || ops.every((op) => required.has(op))) t.fail(`${name}: ${error}`);
    }
  }
  t.comment(`${totals.ran} ran, ${totals.passed} passed, ${totals.later} left for later`);
  for (const [op, { ran, passed, later }] of [...tally].sort(([a], [b]) => (a < b ? -1 : 1)))
    t.comment(`${op}: ${ran} ran, ${passed} passed, ${later} left for later`);
  t.ok(totals.ran > 0, 'some cases ran');
}
