// ONNX's own conformance cases, all that ONNX Runtime agrees with: every one passes, or is refused with a reason.

import { readFileSync } from 'node:fs';
import { importOnnx, readOnnx, readOnnxTensor } from '@espalier/importers';
import { EspalierError, type Graph, type Tensor } from '@espalier/ir';
import type { Test } from 'tap';
import { difference } from './compare.ts';
import { sharedData } from './shared-data.ts';
import { readZip } from './zip.ts';

interface Entry {
  readonly ops: readonly string[];
  readonly ort: 'agrees' | 'differs' | 'unsupported';
}

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

/**
 * How many boxes a suppression keeps is known only when it runs: rows of −1 stand behind them.
 *
 * @see nonMaxSuppression
 */
function withoutPadding(actual: Tensor | undefined, wanted: Tensor): Tensor | undefined {
  const count = wanted.data.length;
  if (!actual?.data.subarray(count).every((value) => value === -1)) return actual;
  return { type: wanted.type, data: actual.data.subarray(0, count) };
}

/** Asserts that an engine gives what every case says, and prints the counts by operator. */
export function conforms(t: Test, evaluate: Engine): void {
  const tally = new Map<string, { passed: number; refused: number }>();
  const totals = { passed: 0, refused: 0 };
  for (const { name, ops, outcome } of conformance(evaluate)) {
    const what = outcome.kind === 'refused' ? 'refused' : 'passed';
    if (outcome.kind === 'refused') t.comment(`${name} is refused: ${outcome.why}`);
    else t.same(outcome.wrong, [], `${name} agrees`);
    if (outcome.kind === 'ran' && outcome.wrong.length > 0) continue;
    totals[what]++;
    for (const op of new Set(ops)) {
      if (!tally.has(op)) tally.set(op, { passed: 0, refused: 0 });
      tally.get(op)![what]++;
    }
  }
  for (const [op, { passed, refused }] of [...tally].sort(([a], [b]) => (a < b ? -1 : 1)))
    t.comment(`${op}: ${passed} passed, ${refused} refused`);
  const part = totals.passed / (totals.passed + totals.refused);
  t.ok(part >= 0.97, `${totals.passed} passed, ${totals.refused} refused: at least 97% pass`);
}

/** What became of a case. */
export type Outcome =
  | { readonly kind: 'ran'; readonly wrong: readonly string[] }
  | { readonly kind: 'refused'; readonly why: string };

/** Runs every case that ONNX Runtime agrees with. Anything but a coded error is thrown. */
export function* conformance(evaluate: Engine): Generator<{
  readonly name: string;
  readonly ops: readonly string[];
  readonly outcome: Outcome;
}> {
  const archive = readZip(readFileSync(sharedData('onnx-node-tests.zip')));
  const index = JSON.parse(archive.get('index.json')!().toString()) as Record<string, Entry>;
  for (const [name, { ops, ort }] of Object.entries(index)) {
    if (ort !== 'agrees') continue;
    const member = (path: string) => archive.get(`${name}/${path}`)?.();
    yield { name, ops, outcome: outcomeOf(name, member, evaluate) };
  }
}

function outcomeOf(
  name: string,
  member: (path: string) => Buffer | undefined,
  evaluate: Engine,
): Outcome {
  const bytes = member('model.onnx')!;
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
    const inputs = tensors('input', model.input.map((input) => input.name).filter(Boolean));
    const outputs = evaluate(importCase(bytes, name, inputs), inputs);
    const wanted = tensors(
      'output',
      model.output.map((output) => output.name),
    );
    const wrong = Object.entries(wanted).flatMap(([key, tensor]) => {
      const actual =
        key === 'selected_indices' ? withoutPadding(outputs[key], tensor) : outputs[key];
      const found = difference(tensor, actual, tolerance);
      return found === undefined ? [] : [`${key}: ${found}`];
    });
    return { kind: 'ran', wrong };
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error;
    return { kind: 'refused', why: `${error.code}: ${error.message}` };
  }
}
