// What layers see: rows of their windows, drawn from activations.

import { type AttrsOf, elementCount, randomSource, type Tensor } from '@espalier/ir';
import type { Layer } from './layers.ts';
import type { Matrix } from './products.ts';

/** So many rows for each column of a row, within bounds. */
const rowsAColumn = 24;
const fewestRows = 8192;
const mostRows = 16384;

/** Values of all rows together, at most. */
const mostValues = 2 ** 24;

/** One window: of which input, and which of the layer's output positions. */
export interface Place {
  readonly input: number;
  /** Counts images, rows and columns of `[N, O, H, W]`, or rows of `[…, O]`. */
  readonly position: number;
}

/** Columns of a layer's rows. */
export const columnsOf = ({ weights, shape }: Layer): number => weights.length / shape.filters;

/** The part of the rows that is drawn by how much errors there matter; the others are drawn evenly. */
const pointedShare = 0.5;

/**
 * Draws windows of a layer: some evenly, as many from each input, and some more often where errors matter more, so
 * that least squares over the rows weigh them so. They depend on the seed, on shapes and on the sensitivity alone.
 *
 * @param sensitivity By input, then by position.
 */
export function drawPlaces(
  layer: Layer,
  inputs: number,
  seed: number,
  sensitivity?: readonly Float32Array[],
): Place[] {
  const positions = elementCount(layer.node.type.shape) / layer.shape.filters;
  const columns = columnsOf(layer);
  const wanted = Math.min(
    mostRows,
    Math.ceil(mostValues / columns),
    Math.max(fewestRows, rowsAColumn * columns),
  );
  const random = randomSource(seed);
  const pointed = sensitivity
    ? drawPointed(sensitivity, Math.round(pointedShare * wanted), random)
    : [];
  const each = Math.ceil((wanted - pointed.length) / inputs);
  const drawn = () => Math.min(positions - 1, Math.floor(random() * positions));
  const even = Array.from({ length: inputs }, (_, input) =>
    (each < positions
      ? Array.from({ length: each }, drawn)
      : Array.from({ length: positions }, (_, position) => position)
    ).map((position) => ({ input, position })),
  ).flat();
  // In the order of memory, so that neighbours are read together.
  return [...even, ...pointed].sort((a, b) => a.input - b.input || a.position - b.position);
}

/** Draws places with a probability in proportion to their sensitivity. */
function drawPointed(
  sensitivity: readonly Float32Array[],
  count: number,
  random: () => number,
): Place[] {
  const positions = sensitivity[0]!.length;
  const sums = new Float64Array(sensitivity.length * positions);
  let total = 0;
  for (const [input, own] of sensitivity.entries())
    for (const [position, value] of own.entries()) {
      total += value;
      sums[input * positions + position] = total;
    }
  return Array.from({ length: count }, () => {
    const at = firstAbove(sums, random() * total);
    return { input: Math.floor(at / positions), position: at % positions };
  });
}

/** The first index whose ascending value exceeds a limit; the last where none does. */
function firstAbove(ascending: Float64Array, limit: number): number {
  let [low, high] = [0, ascending.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The windows at some places, `[places][K]`, K in the order of the weights of one output. */
export function rowsAt(
  layer: Layer,
  activations: readonly Tensor[],
  places: readonly Place[],
): Matrix {
  const columns = columnsOf(layer);
  const data = new Float32Array(places.length * columns);
  const copy = layer.node.op === 'linear' ? copyRow : copyWindow;
  for (const [i, { input, position }] of places.entries())
    copy(layer, activations[input]!, position, data.subarray(i * columns, (i + 1) * columns));
  return { rows: places.length, columns, data };
}

function copyRow(_: Layer, { data }: Tensor, position: number, row: Float32Array): void {
  for (let k = 0; k < row.length; k++) row[k] = data[position * row.length + k]!;
}

function copyWindow(layer: Layer, x: Tensor, position: number, row: Float32Array): void {
  const { stride, dilation, pads } = layer.node.attrs as AttrsOf<'conv'>; // all that is not linear
  const [, channels, height, width] = x.type.shape as [number, number, number, number];
  const [, , rows, columns] = layer.node.type.shape as [number, number, number, number];
  const [r, s] = layer.window;
  const image = Math.floor(position / (rows * columns));
  const top = (Math.floor(position / columns) % rows) * stride[0] - pads[0];
  const left = (position % columns) * stride[1] - pads[1];
  let k = 0;
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < r; i++)
      for (let j = 0; j < s; j++, k++) {
        const [y, z] = [top + i * dilation[0], left + j * dilation[1]];
        const inside = y >= 0 && y < height && z >= 0 && z < width;
        row[k] = inside ? x.data[((image * channels + c) * height + y) * width + z]! : 0;
      }
}

/** Values of the layer's own shape at some places, `[places][O]`. */
export function outputsAt(
  layer: Layer,
  values: readonly Tensor[],
  places: readonly Place[],
): Matrix {
  const { filters } = layer.shape;
  const { shape } = layer.node.type;
  const plane = layer.node.op === 'linear' ? 1 : shape[2]! * shape[3]!;
  const data = new Float32Array(places.length * filters);
  for (const [i, { input, position }] of places.entries()) {
    const first = Math.floor(position / plane) * filters * plane + (position % plane);
    for (let o = 0; o < filters; o++)
      data[i * filters + o] = values[input]!.data[first + o * plane]!;
  }
  return { rows: places.length, columns: filters, data };
}

/** Takes each column's mean out of it, in place, and says what it was. */
export function centre({ rows, columns, data }: Matrix): Float64Array {
  const means = new Float64Array(columns);
  for (let row = 0; row < rows; row++)
    for (let k = 0; k < columns; k++) means[k]! += data[row * columns + k]! / rows;
  for (let row = 0; row < rows; row++)
    for (let k = 0; k < columns; k++) data[row * columns + k]! -= means[k]!;
  return means;
}
