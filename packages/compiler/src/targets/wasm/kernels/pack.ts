// Weights in the order in which tiles read them: packed at build if they are constants, else copied
// into that order before each use.

import type { Node, OpNode, TensorData } from '@espalier/ir';
import { type Address, moved, noHalo, type View } from '../../../plan/view.ts';
import type { Preparation, Site } from '../kernel.ts';
import { blocksOf } from './conv-tiles.ts';
import { emitCopy } from './copy.ts';
import { blockLanes } from './tile.ts';

/** Weights `[groups][O][I][R][S]` by their strides, in elements: any operand can be seen so. */
export interface WeightShape {
  readonly groups: number;
  readonly outputs: number;
  readonly inputs: number;
  readonly rows: number;
  readonly columns: number;
  readonly strides: {
    readonly group: number;
    readonly output: number;
    readonly input: number;
    readonly row: number;
    readonly column: number;
  };
  /** The element that is first in this view. */
  readonly offset: number;
  /** Where each output of a constant begins, in elements from the offset; by default `output` apart. */
  readonly outputOffsets?: readonly number[];
  /** What is made of constant weights at load. */
  readonly preparation?: Preparation;
}

/** Whether an operand can be packed at build. */
export const isConstant = (node: OpNode, index: number): boolean =>
  node.inputs[index]?.kind === 'constant';

/** Operands that are read at run time: the first, and those that are not constants. */
export const runtimeReads = (node: OpNode): readonly number[] => [
  0,
  ...[1, 2].filter((index) => !isConstant(node, index)),
];

/** Writes weights in the order `[group][block][r][s][i][8]` over zeros, which missing outputs stay. */
function pack(from: TensorData, shape: WeightShape, data: Float32Array): void {
  const { groups, outputs, inputs, rows, columns, strides, outputOffsets } = shape;
  const blocks = blocksOf(outputs);
  const output = (index: number): number => outputOffsets?.[index] ?? index * strides.output;
  let to = 0;
  for (let group = 0; group < groups; group++)
    for (let block = 0; block < blocks; block++)
      for (let row = 0; row < rows; row++)
        for (let column = 0; column < columns; column++)
          for (let input = 0; input < inputs; input++) {
            const at =
              shape.offset +
              group * strides.group +
              input * strides.input +
              row * strides.row +
              column * strides.column;
            const lanes = Math.min(blockLanes, outputs - block * blockLanes);
            for (let lane = 0; lane < lanes; lane++)
              data[to + lane] = from[at + output(block * blockLanes + lane)]!;
            to += blockLanes;
          }
}

/** The address of weights as `[group][block][r][s][i][8]`. */
export function packedWeights(site: Site, index: number, shape: WeightShape): Address {
  const { groups, outputs, inputs, rows, columns, strides } = shape;
  const blocks = blocksOf(outputs);
  const taps = rows * columns * inputs;
  const size = groups * blocks * taps * blockLanes;
  const node = site.node.inputs[index]!;
  if (node.kind === 'constant') {
    const { data } = node.value;
    const made = {
      length: size,
      write: (into: Float32Array) => pack(data, shape, into),
    };
    const layout = { blocks: groups * blocks, rows: taps, lanes: blockLanes };
    return site.emit.constant(made, labelOf(node), layout, shape.preparation);
  }
  const source = site.input(index);
  const target = site.emit.scratch(4 * size, `${labelOf(node)}, packed`);
  const whole = Math.floor(outputs / blockLanes);
  /** Copies `count` blocks of `lanes` outputs each, from block `first` on. */
  const copyBlocks = (first: number, count: number, lanes: number) => {
    const extents = [groups, count, lanes, inputs, rows, columns];
    const view = (address: Address, elements: number, steps: readonly number[]): View => ({
      address: moved(address, 4 * elements),
      dtype: 'f32',
      shape: extents,
      strides: steps,
      halo: noHalo,
    });
    const { group, output, input, row, column } = strides;
    const from = view(source.address, shape.offset + first * blockLanes * output, [
      group,
      blockLanes * output,
      output,
      input,
      row,
      column,
    ]);
    const to = view(target, first * taps * blockLanes, [
      blocks * taps * blockLanes,
      taps * blockLanes,
      1,
      blockLanes,
      columns * inputs * blockLanes,
      inputs * blockLanes,
    ]);
    emitCopy(site.emit, from, to, `pack ${labelOf(node)}`);
  };
  if (whole > 0) copyBlocks(0, whole, blockLanes);
  if (outputs > whole * blockLanes) copyBlocks(whole, 1, outputs - whole * blockLanes);
  return target;
}

/** The address of a bias as `[group][block][8]`, of constants with the outputs that are named. */
export const packedBias = (
  site: Site,
  index: number,
  groups: number,
  outputs: number,
  outputOffsets?: readonly number[],
): Address =>
  // A bias is a weight of one tap.
  packedWeights(unlabelled(site), index, {
    groups,
    outputs,
    inputs: 1,
    rows: 1,
    columns: 1,
    strides: { group: outputs, output: 1, input: 0, row: 0, column: 0 },
    offset: 0,
    ...(outputOffsets && { outputOffsets }),
  });

/** The same site, whose constants are stored as they are: biases do not stand fewer bits. */
const unlabelled = (site: Site): Site => ({
  ...site,
  emit: { ...site.emit, constant: (data, label) => site.emit.constant(data, label) },
});

const labelOf = (node: Node): string => node.name;
