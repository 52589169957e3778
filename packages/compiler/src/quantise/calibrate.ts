// Which values tensors take: a histogram of each over some inputs, and the range whose codes err least on it.

import { elementCount, type Graph, type Node, type Tensor, topologicalOrder } from '@espalier/ir';
import type { Run, Sample } from '../run-program.ts';
import { channelsOf } from './channels.ts';
import { greatestCode, type Range, type Statistics } from './codes.ts';
import { quantisedValues } from './regions.ts';

/** Bins of a histogram. */
const bins = 256;

/** The parts of a whole range that are tried, down to the least. */
const steps = 32;
const leastPart = 0.5;

interface Histogram extends Range {
  readonly sum: number;
  readonly counts: Uint32Array;
}

/** Calls `use` with each element and its channel. */
function eachElement(
  { type, data }: Tensor,
  channels: number,
  use: (value: number, channel: number) => void,
): void {
  const inner = channels === 1 ? data.length : elementCount(type.shape.slice(2));
  for (let i = 0; i < data.length; i++) use(data[i]!, Math.floor(i / inner) % channels);
}

/** Widens ranges to what a value has. */
function widen(ranges: Widening[], value: Tensor): void {
  eachElement(value, ranges.length, (element, channel) => {
    const range = ranges[channel]!;
    range.sum += element;
    // Written so that a NaN changes nothing.
    if (element < range.min) range.min = element;
    if (element > range.max) range.max = element;
  });
}

interface Widening {
  min: number;
  max: number;
  sum: number;
}

function count(histograms: readonly Histogram[], value: Tensor): void {
  eachElement(value, histograms.length, (element, channel) => {
    const { min, max, counts } = histograms[channel]!;
    // Zeros are exact whatever the code is.
    if (element === 0 || Number.isNaN(element)) return;
    counts[Math.min(bins - 1, Math.floor(((element - min) / (max - min)) * bins))]! += 1;
  });
}

/** The mean square error of codes over a range, up to a factor. */
function errorOf(range: Range, { min, max, counts }: Histogram): number {
  const scale = (range.max - range.min) / greatestCode;
  const width = (max - min) / bins;
  let error = 0;
  for (let bin = 0; bin < bins; bin++) {
    const n = counts[bin]!;
    if (n === 0) continue;
    const value = min + (bin + 0.5) * width;
    const beyond = Math.max(value - range.max, range.min - value);
    // Inside, errors are uniform within half a step.
    error += n * (beyond > 0 ? beyond * beyond : (scale * scale) / 12);
  }
  return error;
}

/** The range that errs least: of many values few are far out, and cutting those off refines all others. */
function bestRange(histogram: Histogram): Range {
  let best: Range = { min: histogram.min, max: histogram.max };
  let least = errorOf(best, histogram);
  for (let step = 1; step <= steps; step++) {
    const part = 1 - ((1 - leastPart) * step) / steps;
    const range = { min: histogram.min * part, max: histogram.max * part };
    const error = errorOf(range, histogram);
    if (error < least) [least, best] = [error, range];
  }
  return best;
}

/**
 * The ranges of each channel of all values of a graph that `quantise` holds as codes.
 *
 * @param compiled Compiles a graph and loads it.
 */
export function calibrate(
  graph: Graph,
  samples: readonly Sample[],
  compiled: (graph: Graph) => Run,
): Map<Node, readonly Statistics[]> {
  const nodes = quantisedValues(graph);
  if (nodes.length === 0) return new Map();
  const outputs = nodes.map((node, i) => ({ name: `${i}`, node }));
  // Inputs that nothing here needs are left out.
  const needed = new Set(topologicalOrder({ inputs: [], outputs }));
  const run = compiled({ inputs: graph.inputs.filter((input) => needed.has(input)), outputs });
  const visit = (use: (value: Tensor, index: number) => void) => {
    for (const sample of samples) {
      const values = run(sample);
      nodes.forEach((_, i) => {
        use(values[`${i}`]!, i);
      });
    }
  };
  const ranges = nodes.map((node) =>
    Array.from({ length: channelsOf(node) }, (): Widening => ({ min: 0, max: 0, sum: 0 })),
  );
  visit((value, i) => {
    widen(ranges[i]!, value);
  });
  const histograms = ranges.map((channels) =>
    channels.map((range): Histogram => ({ ...range, counts: new Uint32Array(bins) })),
  );
  visit((value, i) => {
    count(histograms[i]!, value);
  });
  return new Map(
    nodes.map((node, i) => [node, statisticsOf(node, histograms[i]!, samples.length)]),
  );
}

/** Channels of fewer values than this, all samples together, are not told apart. */
const fewValues = 1500;

/**
 * How far the range of a channel is its own, and not that of all channels, as an exponent. Codes of a channel's own
 * range are finer; but scales that differ coarsen the weights, and what a channel was seen to have is less certain
 * [Xiao et al., "SmoothQuant", 2023, §4, migrates with the same exponent].
 */
const ownShare = 0.5;

/** What is known of each channel, ranges between its own and that of all. */
function statisticsOf(node: Node, channels: readonly Histogram[], samples: number): Statistics[] {
  const own = channels.map(bestRange);
  const [min, max] = [
    Math.min(...own.map((range) => range.min)),
    Math.max(...own.map((range) => range.max)),
  ];
  const perChannel = (samples * elementCount(node.type.shape)) / channels.length;
  const widest = Math.max(...own.map((range) => range.max - range.min));
  return own.map((range, channel) => {
    const isTold = perChannel >= fewValues && widest > 0;
    const part = isTold ? ((range.max - range.min) / widest) ** ownShare : 1;
    // A channel that was always 0 may not stay so.
    const share = Math.max(part, leastShare);
    return { min: share * min, max: share * max, mean: channels[channel]!.sum / perChannel };
  });
}

/** Every channel has at least this part of the range of all. */
const leastShare = 1 / 64;
