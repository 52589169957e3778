// The oracle for whole models: onnxruntime-node on the original file.

import { readFileSync } from 'node:fs';
import { runOnnx } from './onnxruntime.ts';

/** Values of one tensor. */
export interface Values {
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
}

/** The outputs of a model file for float inputs. */
export async function onnxOutputs(
  file: string,
  inputs: Readonly<
    Record<string, { readonly data: Float32Array; readonly shape: readonly number[] }>
  >,
): Promise<Record<string, Values>> {
  const tensors = Object.entries(inputs).map(
    ([name, { data, shape }]) => [name, { type: { dtype: 'f32', shape }, data }] as const,
  );
  const results = await runOnnx(readFileSync(file), Object.fromEntries(tensors));
  return Object.fromEntries(
    Object.entries(results).map(([name, { type, data }]) => [name, { data, shape: type.shape }]),
  );
}

/** The greatest difference, relative to the greatest magnitude expected. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [worst, greatest] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    greatest = Math.max(greatest, Math.abs(expected[i]!));
    const error = Math.abs(actual[i]! - expected[i]!);
    if (!(error <= worst)) worst = error;
  }
  return worst / greatest;
}
