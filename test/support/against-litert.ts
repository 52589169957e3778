// Verbs over single operators in many variants: import and plain loops against LiteRT, and the same compiled.

import { importTflite } from '@espalier/importers';
import { evaluate, type Tensor } from '@espalier/ir';
import t from 'tap';
import { difference } from './compare.ts';
import { seeded } from './hostile.ts';
import { runLiteRt } from './litert.ts';
import { start } from './run-compiled.ts';
import {
  type Field,
  type WrittenOperator,
  type WrittenTensor,
  writeTflite,
} from './write-tflite.ts';

/** An operand that is fed: floats in [-2, 2), or whole numbers below a bound. */
export type Operand =
  | { readonly shape: readonly number[]; readonly below?: number; readonly positive?: true }
  | { readonly data: NonNullable<WrittenTensor['data']>; readonly dims?: readonly number[] }
  | undefined;

/** A float input. */
export const x = (...shape: number[]): Operand => ({ shape });
/** A float input of positive numbers. */
export const positive = (...shape: number[]): Operand => ({ shape, positive: true });
/** An i32 input of numbers in [0, below). */
export const below = (bound: number, ...shape: number[]): Operand => ({ shape, below: bound });
/** An i32 constant. */
export const ints = (...list: number[]): Operand => ({ data: Int32Array.from(list) });
/** An i32 constant of a shape. */
export const intsOf = (dims: readonly number[], ...list: number[]): Operand => ({
  data: Int32Array.from(list),
  dims,
});
/** A float constant of a shape, of seeded numbers in [-1, 1). */
export const weights = (...dims: number[]): Operand => {
  const random = seeded(dims.reduce((sum, extent) => 31 * sum + extent, 7));
  const length = dims.reduce((product, extent) => product * extent, 1);
  return { dims, data: Float32Array.from({ length }, () => random() * 2 - 1) };
};

/** One operator over operands. */
export interface OneOperator {
  readonly builtin: number;
  readonly operands: readonly Operand[];
  readonly options?: number;
  readonly fields?: readonly Field[];
  /** Types of the results; one of floats if it is left out. */
  readonly results?: readonly NonNullable<WrittenTensor['type']>[];
  readonly version?: number;
}

/** A title and an operator. */
export type Case = readonly [title: string, operator: OneOperator];

/** The file of an operator whose results have these shapes, and inputs for it. */
function fileOf(
  { operands, results = ['f32'], ...rest }: OneOperator,
  shapes: readonly (readonly number[])[],
): { readonly bytes: Uint8Array; readonly inputs: readonly Tensor[] } {
  const random = seeded(5);
  const tensors: WrittenTensor[] = [];
  const ports: number[] = [];
  const inputs: Tensor[] = [];
  const places = operands.map((operand) => {
    if (operand === undefined) return -1;
    if ('data' in operand) {
      const { data, dims } = operand;
      return tensors.push({ shape: dims ?? [data.length], data }) - 1;
    }
    const { shape, below: bound, positive: above } = operand;
    const length = shape.reduce((product, extent) => product * extent, 1);
    ports.push(tensors.length);
    const dtype = bound === undefined ? 'f32' : 'i32';
    const data = bound
      ? Int32Array.from({ length }, () => Math.floor(random() * bound))
      : Float32Array.from({ length }, () => (above ? random() * 2 + 0.1 : random() * 4 - 2));
    inputs.push({ type: { dtype, shape }, data });
    return tensors.push({ shape, type: dtype, name: `x${tensors.length}` }) - 1;
  });
  const outputs = results.map(
    (type, i) => tensors.push({ type, shape: shapes[i] ?? [1], name: `y${i}` }) - 1,
  );
  const operators: WrittenOperator[] = [{ ...rest, inputs: places, outputs: [...outputs] }];
  // LiteRT has no outputs of truths: CAST makes them numbers.
  results.forEach((type, i) => {
    if (type !== 'bool') return;
    const cast = tensors.push({ type: 'i32', shape: shapes[i] ?? [1], name: `n${i}` }) - 1;
    operators.push({ builtin: 53, inputs: [outputs[i]!], outputs: [cast] });
    outputs[i] = cast;
  });
  return { bytes: writeTflite({ tensors, operators, inputs: ports, outputs }), inputs };
}

/** Sums of some hundred products of numbers up to 2, in another order; LiteRT's own exp and tanh. */
const tolerance = { relative: 2e-5, absolute: 2e-5 };

/** Tests that operators agree with LiteRT: as imported, and as compiled. */
export function agreeWithLiteRt(cases: readonly Case[]): void {
  for (const [title, operator] of cases)
    t.test(`${title} agrees with LiteRT`, async (t) => {
      // LiteRT takes the room for results from the file, and refuses shapes that are not its own.
      const draft = importTflite(fileOf(operator, []).bytes, { file: 'draft.tflite' });
      const shapes = draft.outputs.map(({ node }) => node.type.shape);
      const { bytes, inputs } = fileOf(operator, shapes);
      const graph = importTflite(bytes, { file: 'one.tflite' });
      const feeds = Object.fromEntries(graph.inputs.map(({ name }, i) => [name, inputs[i]!]));
      const results = evaluate(graph, feeds);
      const expected = await runLiteRt(bytes, inputs);
      const compiled = start(graph).run(feeds);
      graph.outputs.forEach(({ name }, i) => {
        const actual = results[name]!;
        const wanted = { type: actual.type, data: expected[i]! };
        t.equal(actual.data.length, expected[i]!.length, `${name} has as many elements`);
        t.equal(difference(wanted, actual, tolerance), undefined, `${name} as imported`);
        t.equal(difference(actual, compiled[name], tolerance), undefined, `${name} as compiled`);
      });
    });
}
