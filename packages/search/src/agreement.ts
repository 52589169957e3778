// How much two networks agree on the same inputs: the metric where there are no labels.

import type { AttrsOf, Graph, Node, OpNode, Scalar, Tensor } from '@espalier/ir';
import { channelAt, channelsOf, energiesOf, type OutputChannels } from './output-channels.ts';
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

/** Ops that move values without changing them. */
export const moving: readonly OpNode['op'][] = [
  'reshape',
  'transpose',
  'slice',
  'concat',
  'depthToSpace',
];

/** What a sigmoid is taken of; `undefined` for all other expressions. */
export const sigmoidOperand = (expr: Scalar): Scalar | undefined =>
  expr.kind === 'call' && expr.fn === 'sigmoid' ? expr.args[0] : undefined;

/** Whether all values are sigmoids: a map of yes and no, most of which is one of them. */
export function isDecision(node: Node): boolean {
  if (node.kind !== 'op') return false;
  const last =
    node.epilogue ?? (node.op === 'map' ? (node.attrs as AttrsOf<'map'>).expr : undefined);
  if (last) return sigmoidOperand(last) !== undefined;
  return moving.includes(node.op) && node.inputs.every(isDecision);
}

/** Says how much outputs agree with those of a reference, for as many inputs: at most 1. */
export type Agreement = (reference: readonly Outputs[], actual: readonly Outputs[]) => number;

/**
 * How agreement is measured for a network: the share of equal top classes for classifiers; else the mean over the
 * outputs of the share of equal decisions, each of yes and no counting half, and of 1 − relative RMS error of all others.
 */
export function agreementOf({ outputs }: Graph): Agreement {
  const errorOf = errorsBy(outputs, (node) => (isDecision(node) ? disagreement : relativeError));
  return (reference, actual) =>
    isClassifier(reference[0]!) ? topAgreement(reference, actual) : 1 - errorOf(reference, actual);
}

/**
 * A smooth measure, so that small harms can be told apart: the mean over the outputs of the overlap of maps of
 * decisions, 1 − Σ|p − q| / Σ(p + q), and of 1 − relative RMS error of all others, the mean of their channels.
 */
export function likenessOf({ outputs }: Graph): Agreement {
  const errorOf = errorsBy(outputs, (node) =>
    isDecision(node) ? unlikeness : errorByChannel(channelsOf(node)),
  );
  return (reference, actual) => 1 - errorOf(reference, actual);
}

type ErrorOf = (reference: readonly Outputs[], actual: readonly Outputs[], name: string) => number;

/** The mean error over the outputs. */
function errorsBy(outputs: Graph['outputs'], measure: (node: Node) => ErrorOf): Agreement {
  const own = new Map(outputs.map(({ name, node }) => [name, measure(node)]));
  return (reference, actual) => {
    const names = Object.keys(reference[0]!);
    return (
      names.reduce((sum, name) => sum + own.get(name)!(reference, actual, name), 0) / names.length
    );
  };
}

/** The mean over the channels of an output of their relative RMS errors. */
const errorByChannel =
  (channels: OutputChannels): ErrorOf =>
  (reference, actual, name) => {
    const { count } = channels;
    const energies = energiesOf(reference, name, channels);
    const errors = new Float64Array(count);
    for (const [i, outputs] of reference.entries()) {
      const [wanted, given] = [outputs[name]!.data, actual[i]![name]!.data];
      for (let k = 0; k < wanted.length; k++)
        errors[channelAt(channels, k)]! += (wanted[k]! - given[k]!) ** 2;
    }
    const relative = errors.map((error, c) => (error === 0 ? 0 : Math.sqrt(error / energies[c]!)));
    return relative.reduce((sum, error) => sum + error, 0) / count;
  };

/** The share of decisions that differ, the mean of those that were yes and those that were no. */
function disagreement(
  reference: readonly Outputs[],
  actual: readonly Outputs[],
  name: string,
): number {
  const [yes, no] = [
    { all: 0, lost: 0 },
    { all: 0, lost: 0 },
  ];
  for (const [i, outputs] of reference.entries()) {
    const [wanted, given] = [outputs[name]!.data, actual[i]![name]!.data];
    for (let k = 0; k < wanted.length; k++) {
      const side = wanted[k]! > 0.5 ? yes : no;
      side.all++;
      if (wanted[k]! > 0.5 !== given[k]! > 0.5) side.lost++;
    }
  }
  const sides = [yes, no].filter(({ all }) => all > 0);
  return sides.reduce((sum, { all, lost }) => sum + lost / all, 0) / Math.max(1, sides.length);
}

function topAgreement(reference: readonly Outputs[], actual: readonly Outputs[]): number {
  let [same, total] = [0, 0];
  for (const [i, outputs] of reference.entries()) {
    const [[name, wanted]] = Object.entries(outputs) as [[string, Tensor]];
    for (let row = 0; row < wanted.type.shape[0]!; row++, total++)
      if (topOf(wanted, row) === topOf(actual[i]![name]!, row)) same++;
  }
  return same / total;
}

/** How little two maps of decisions overlap: 0 is alike, 1 has nothing in common. */
function unlikeness(
  reference: readonly Outputs[],
  actual: readonly Outputs[],
  name: string,
): number {
  let [apart, together] = [0, 0];
  for (const [i, outputs] of reference.entries()) {
    const [wanted, given] = [outputs[name]!.data, actual[i]![name]!.data];
    for (let k = 0; k < wanted.length; k++) {
      apart += Math.abs(wanted[k]! - given[k]!);
      together += wanted[k]! + given[k]!;
    }
  }
  return together === 0 ? 0 : apart / together;
}

/** The relative RMS error of one output. */
function relativeError(
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
