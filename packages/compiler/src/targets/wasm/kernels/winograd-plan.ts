// How a Winograd convolution is cut: tiles of outputs, and blocks of tiles whose factors and products
// stay in the cache between the three stages.

import { type AttrsOf, assert, type OpNode } from '@espalier/ir';
import type { Halo } from '../../../plan/view.ts';
import type { WinogradForm } from './winograd-transforms.ts';

/** Sizes of one convolution; steps are in bytes. */
export interface WinogradPlan {
  readonly images: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly rows: number;
  readonly columns: number;
  /** Tiles that cover the output, the last of them in part. */
  readonly tileRows: number;
  readonly tileColumns: number;
  /** Tiles of a block. */
  readonly blockRows: number;
  readonly blockColumns: number;
  /** From the factors of one tile to those of the next, and likewise its products. */
  readonly factorTileStep: number;
  readonly productTileStep: number;
  /** From one of the n² positions in a tile to the next: factors, weights, products. */
  readonly factorStep: number;
  readonly weightStep: number;
  readonly productStep: number;
  /** Zeros around the input, so that every tile can be read whole. */
  readonly halo: Halo;
}

/** Factors and products of a block, at most about this much: they stay in the second-level cache. */
const blockBytes = 640 << 10;

const vectorsOf = (channels: number): number => Math.ceil(channels / 4);

/** Distances that are multiples of a large power of two share the sets of a cache. */
const apart = (bytes: number): number => (bytes % 1024 === 0 ? bytes + 64 : bytes);

/** The largest size up to `most` that covers `extent` with the least overlap. */
function evenSize(extent: number, most: number): number {
  let best = Math.min(extent, Math.max(1, most));
  const covered = (size: number) => Math.ceil(extent / size) * size;
  for (let size = best - 1; 2 * size >= best && size > 0; size--)
    if (covered(size) < covered(best)) best = size;
  return best;
}

/**
 * Cuts a 3 × 3 convolution of stride 1.
 *
 * @param taps Inputs of all blocks of 8 outputs together; default all inputs for each block.
 * @param weightBytes Bytes of a weight of a position.
 */
export function planWinograd(
  node: OpNode,
  { m, n }: WinogradForm,
  taps = Math.ceil(node.type.shape[1]! / 8) * node.inputs[0]!.type.shape[1]!,
  weightBytes = 4,
): WinogradPlan {
  assert(node.op === 'conv', 'only convolutions are cut into tiles');
  const { pads } = node.attrs as AttrsOf<'conv'>; // its op says so
  const [images, inputs, height, width] = node.inputs[0]!.type.shape as Four;
  const [, outputs, rows, columns] = node.type.shape as Four;
  const [tileRows, tileColumns] = [Math.ceil(rows / m), Math.ceil(columns / m)];
  const factorTileStep = 16 * vectorsOf(inputs);
  const productTileStep = 16 * vectorsOf(outputs);
  const most = Math.floor(blockBytes / (n * n * (factorTileStep + productTileStep)));
  const blockColumns = evenSize(tileColumns, most);
  const blockRows = evenSize(tileRows, Math.floor(most / blockColumns));
  const tiles = blockRows * blockColumns;
  const missing = (size: number, before: number, extent: number) => size * m + 2 - before - extent;
  return {
    images,
    inputs,
    outputs,
    rows,
    columns,
    tileRows,
    tileColumns,
    blockRows,
    blockColumns,
    factorTileStep,
    productTileStep,
    factorStep: apart(tiles * factorTileStep),
    weightStep: apart(8 * weightBytes * taps),
    productStep: apart(tiles * productTileStep),
    halo: [
      pads[0],
      pads[1],
      missing(tileRows, pads[0], height),
      missing(tileColumns, pads[1], width),
    ],
  };
}

type Four = [number, number, number, number];
