// How much two networks agree on the same inputs: the metric where there are no labels.

import type { Tensor } from '@espalier/ir';
import type { Feeds } from './runner.ts';

/** Outputs of one input. */
export type Outputs = Feeds;

/** Whether a network names one class: one output of few rows of many scores. */
const isClassifier = (outputs: Outputs): boolean => {
  const all = Object.values(outputs);
  const [first] = all;
  return all.length === 1 && first!.type.shape.length === 2 && first!.type.shape[1]! > 1;
};

function topOf({ data, type: { shape } }: Tensor, row: number): number {
  const classes = shape[1]!;
  let best = 0;
  for (let k = 1; k < classes; k++)
    if (data[row * classes + k]! > data[row * classes + best]!) best = k;
  return best;
}

/**
 * Agreement with a reference, at most 1: the share of equal top classes for classifiers, else 1 − relative
 * RMS error, the mean over outputs.
 */
export function agreement(reference: readonly Outputs[], actual: readonly Outputs[]): number {
  if (isClassifier(reference[0]!)) {
    let [same, total] = [0, 0];
    reference.forEach((outputs, i) => {
      const [[name, wanted]] = Object.entries(outputs) as [[string, Tensor]];
      for (let row = 0; row < wanted.type.shape[0]!; row++, total++)
        if (topOf(wanted, row) === topOf(actual[i]![name]!, row)) same++;
    });
    return same / total;
  }
  const names = Object.keys(reference[0]!);
  return (
    1 - names.reduce((sum, name) => sum + relativeError(reference, actual, name), 0) / names.length
  );
}

/** The relative RMS error of one output: smooth, so that small harms can be told apart. */
export function relativeError(
  reference: readonly Outputs[],
  actual: readonly Outputs[],
  name: string,
): number {
  let [error, energy] = [0, 0];
  reference.forEach((outputs, i) => {
    const [wanted, given] = [outputs[name]!.data, actual[i]![name]!.data];
    for (let k = 0; k < wanted.length; k++) {
      error += (wanted[k]! - given[k]!) ** 2;
      energy += wanted[k]! ** 2;
    }
  });
  return energy === 0 ? (error === 0 ? 0 : 1) : Math.sqrt(error / energy);
}
