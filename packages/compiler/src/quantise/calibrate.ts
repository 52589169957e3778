// Which values tensors take: a histogram of each over some inputs, and the range whose codes err least on it.

import { type Graph, type Node, type TensorData, topologicalOrder } from '@espalier/ir';
import { greatestCode, type Range } from './codes.ts';
import { codedValues } from './regions.ts';
import type { Run, Sample } from './run-program.ts';

/** Bins of a histogram. */
const bins = 2048;

/** Parts of the whole range that are tried. */
const steps = 48;

interface Histogram extends Range {
  readonly counts: Float64Array;
}

const rangeOf = (data: TensorData): Range => {
  let [min, max] = [0, 0];
  for (const value of data) {
    // Written so that a NaN changes nothing.
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
};

function count(data: TensorData, { min, max, counts }: Histogram): void {
  const perBin = bins / (max - min);
  for (const value of data) {
    // Zeros are exact whatever the code is.
    if (value === 0 || Number.isNaN(value)) continue;
    counts[Math.min(bins - 1, Math.floor((value - min) * perBin))]! += 1;
  }
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
  for (let step = 1; step < steps; step++) {
    const part = 1 - step / steps;
    const range = { min: histogram.min * part, max: histogram.max * part };
    const error = errorOf(range, histogram);
    if (error < least) [least, best] = [error, range];
  }
  return best;
}

/**
 * The ranges of all values of a graph that `quantise` holds as codes.
 *
 * @param compiled Compiles a graph and loads it.
 */
export function calibrate(
  graph: Graph,
  samples: readonly Sample[],
  compiled: (graph: Graph) => Run,
): Map<Node, Range> {
  const nodes = codedValues(graph);
  if (nodes.length === 0) return new Map();
  const outputs = nodes.map((node, i) => ({ name: `${i}`, node }));
  // Inputs that nothing here needs are still given.
  const needed = new Set(topologicalOrder({ inputs: [], outputs }));
  const run = compiled({ inputs: graph.inputs.filter((input) => needed.has(input)), outputs });
  const ranges = nodes.map((): Range => ({ min: 0, max: 0 }));
  const visit = (use: (data: TensorData, index: number) => void) => {
    for (const sample of samples) {
      const values = run(sample);
      nodes.forEach((_, i) => {
        use(values[`${i}`]!.data, i);
      });
    }
  };
  visit((data, i) => {
    const [known, own] = [ranges[i]!, rangeOf(data)];
    ranges[i] = { min: Math.min(known.min, own.min), max: Math.max(known.max, own.max) };
  });
  const histograms = ranges.map((range) => ({ ...range, counts: new Float64Array(bins) }));
  visit((data, i) => {
    count(data, histograms[i]!);
  });
  return new Map(nodes.map((node, i) => [node, bestRange(histograms[i]!)]));
}
