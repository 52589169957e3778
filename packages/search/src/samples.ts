// What layers see: rows of their windows, drawn from the activations of calibration inputs.

import { type AttrsOf, type Graph, randomSource, type Tensor } from '@espalier/ir';
import type { Layer } from './layers.ts';
import { createRun, type Feeds } from './runner.ts';

/** Rows `[rows][K]`, K in the order of the weights of one output. */
export interface Rows {
  readonly count: number;
  readonly columns: number;
  readonly data: Float32Array;
}

/** Rows of a layer are at most this many, and so many for each column. */
const mostRows = 6000;
const rowsAColumn = 6;

/**
 * The rows that a layer sees in a graph over some inputs. Which ones are drawn depends on the seed and on
 * the layer's shapes alone: two graphs of the same structure give rows of the same windows.
 */
export function sampleRows(
  graph: Graph,
  layer: Layer,
  inputs: readonly Feeds[],
  seed: number,
): Rows {
  const [input] = layer.node.inputs;
  const run = createRun({ inputs: graph.inputs, outputs: [{ name: 'x', node: input! }] });
  const columns = layer.weights.length / layer.shape.filters;
  const total = Math.min(mostRows, Math.max(256, rowsAColumn * columns));
  const each = Math.ceil(total / inputs.length);
  const random = randomSource(seed);
  const data = new Float32Array(each * inputs.length * columns);
  let at = 0;
  for (const feeds of inputs) {
    const { x } = run(feeds) as { x: Tensor };
    for (let k = 0; k < each; k++, at += columns)
      drawRow(layer, x, random, data.subarray(at, at + columns));
  }
  return { count: each * inputs.length, columns, data };
}

/** One random window of an activation. */
function drawRow(layer: Layer, x: Tensor, random: () => number, row: Float32Array): void {
  const below = (count: number) => Math.min(count - 1, Math.floor(random() * count));
  const { data } = x;
  if (layer.node.op === 'linear') {
    const first = below(data.length / row.length) * row.length;
    for (let k = 0; k < row.length; k++) row[k] = data[first + k]!;
    return;
  }
  const { stride, dilation, pads } = layer.node.attrs as AttrsOf<'conv'>; // all other layers are convolutions
  const [, channels, height, width] = x.type.shape as [number, number, number, number];
  const [n, , rows, columns] = layer.node.type.shape as [number, number, number, number];
  const [r, s] = layer.window;
  const image = below(n);
  const [top, left] = [below(rows) * stride[0] - pads[0], below(columns) * stride[1] - pads[1]];
  let k = 0;
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < r; i++)
      for (let j = 0; j < s; j++, k++) {
        const [y, z] = [top + i * dilation[0], left + j * dilation[1]];
        const inside = y >= 0 && y < height && z >= 0 && z < width;
        row[k] = inside ? data[((image * channels + c) * height + y) * width + z]! : 0;
      }
}
