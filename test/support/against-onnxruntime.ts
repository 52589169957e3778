// Verbs over single operators in many variants: import and plain loops against ONNX Runtime, the same compiled,
// and what is written back out as ONNX.

import { importOnnx, writeOnnx } from '@espalier/importers';
import { EspalierError, evaluate, type Tensor } from '@espalier/ir';
import t from 'tap';
import { difference } from './compare.ts';
import { seeded } from './hostile.ts';
import { type OneNode, oneNode } from './onnx-model.ts';
import { runOnnx } from './onnxruntime.ts';
import { start } from './run-compiled.ts';

/** A float input. */
export const x = (...shape: number[]) => ({ shape });
/** An int64 input. */
export const i = (...shape: number[]) => ({ shape, int: true as const });
/** A bool input. */
export const flag = (...shape: number[]) => ({ shape, bool: true as const });
/** An int64 constant. */
export const ints = (...list: number[]) => ({ ints: list });
/** A float constant. */
export const floats = (...list: number[]) => ({ floats: list });
/** A float attribute. */
export const float = (value: number) => ({ float: value });

/** A title and a model of one operator. */
export type Case = readonly [title: string, model: OneNode];

/** A case of one operator. */
export const one = (
  title: string,
  op: string,
  opset: number,
  operands: OneNode['operands'],
  attributes: OneNode['attributes'] = {},
  outputs = 1,
): Case => [title, { op, opset, operands, attributes, outputs }];

/** Inputs in [-2, 2), integers in [-4, 4], indices among them. */
function inputsOf({ op, operands }: OneNode, seed: number): Record<string, Tensor> {
  const random = seeded(seed);
  const entries = operands.flatMap((operand, at): [string, Tensor][] => {
    if (operand === undefined || !('shape' in operand)) return [];
    const { shape } = operand;
    const length = shape.reduce((n, dim) => n * dim, 1);
    const name = `x${at}`;
    if (operand.bool)
      return [
        [
          name,
          {
            type: { dtype: 'bool', shape },
            data: Uint8Array.from({ length }, () => Number(random() < 0.5)),
          },
        ],
      ];
    if (operand.below !== undefined) {
      const data = Int32Array.from({ length }, () => Math.floor(random() * operand.below!));
      return [[name, { type: { dtype: 'i32', shape }, data }]];
    }
    if (operand.int) {
      const span = op === 'Gather' ? 4 : 8;
      const data = Int32Array.from({ length }, () => Math.floor(random() * (span + 1)) - span / 2);
      return [[name, { type: { dtype: 'i32', shape }, data }]];
    }
    return [
      [
        name,
        {
          type: { dtype: 'f32', shape },
          data: Float32Array.from({ length }, () => random() * 4 - 2),
        },
      ],
    ];
  });
  return Object.fromEntries(entries);
}

/** Sums of some hundred products of numbers up to 4, in another order. */
const tolerance = { relative: 2e-5, absolute: 2e-5 };

const disagreements = (expected: Record<string, Tensor>, actual: Record<string, Tensor>) =>
  Object.entries(expected).flatMap(([name, tensor]) => {
    const found = difference(tensor, actual[name], tolerance);
    return found === undefined ? [] : [`${name}: ${found}`];
  });

/** Tests that operators agree with ONNX Runtime: as imported, as compiled, and as written again. */
export function agreeWithOnnxRuntime(cases: readonly Case[]): void {
  for (const [title, model] of cases)
    t.test(`${title} agrees with ONNX Runtime`, async (t) => {
      const bytes = oneNode(model);
      const inputs = inputsOf(model, 1);
      const graph = importOnnx(bytes, { file: `${model.op}.onnx` });
      const results = evaluate(graph, inputs);
      t.same(disagreements(await runOnnx(bytes, inputs), results), [], 'as imported');
      t.same(disagreements(results, start(graph).run(inputs)), [], 'as compiled');
      try {
        const again = await runOnnx(writeOnnx(graph), inputs);
        t.same(disagreements(results, again), [], 'as written');
      } catch (error) {
        if (!(error instanceof EspalierError && error.code === 'NOT_IN_ONNX')) throw error;
        t.comment(`not written: ${error.message}`);
      }
    });
}
