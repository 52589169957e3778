// Weights in the order in which tiles read them: packed at build if they are constants, else copied
// into that order before each use.

import type { Node, OpNode, TensorData } from '@espalier/ir';
import { type Address, moved, noHalo, type View } from '../../../plan/view.ts';
import type { Preparation, Site } from '../kernel.ts';
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
  /** Outputs that lie beside each other. Default 8. */
  readonly lanes?: number;
}

/** Whether an operand can be packed at build. */
export const isConstant = (node: OpNode, index: number): boolean =>
  node.inputs[index]?.kind === 'constant';

/** Operands that are read at run time: the first, and those that are not constants. */
export const runtimeReads = (node: OpNode): readonly number[] => [
  0,
  ...[1, 2].filter((index) => !isConstant(node, index)),
];

/** Writes weights in the order `[group][block][r][s][i][lanes]` over zeros, which missing outputs stay. */
function pack(from: TensorData, shape: WeightShape, data: Float32Array): void {
  const { groups, outputs, inputs, rows, columns, strides, outputOffsets } = shape;
  const { lanes: width = blockLanes } = shape;
  const blocks = Math.ceil(outputs / width);
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
            const lanes = Math.min(width, outputs - block * width);
            for (let lane = 0; lane < lanes; lane++)
              data[to + lane] = from[at + output(block * width + lane)]!;
            to += width;
          }
}

/** The address of weights as `[group][block][r][s][i][lanes]`. */
export function packedWeights(site: Site, index: number, shape: WeightShape): Address {
  const { groups, outputs, inputs, rows, columns, strides, lanes: width = blockLanes } = shape;
  const blocks = Math.ceil(outputs / width);
  const taps = rows * columns * inputs;
  const size = groups * blocks * taps * width;
  const node = site.node.inputs[index]!;
  if (node.kind === 'constant') {
    const { data } = node.value;
    const made = {
      length: size,
      write: (into: Float32Array) => pack(data, shape, into),
    };
    const layout = { blocks: groups * blocks, rows: taps, lanes: width };
    return site.emit.constant(made, labelOf(node), layout, shape.preparation);
  }
  const source = site.input(index);
  const target = site.emit.scratch(4 * size, `${labelOf(node)}, packed`);
  const whole = Math.floor(outputs / width);
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
    const from = view(source.address, shape.offset + first * width * output, [
      group,
      width * output,
      output,
      input,
      row,
      column,
    ]);
    const to = view(target, first * taps * width, [
      blocks * taps * width,
      taps * width,
      1,
      width,
      columns * inputs * width,
      inputs * width,
    ]);
    emitCopy(site.emit, from, to, `pack ${labelOf(node)}`);
  };
  if (whole > 0) copyBlocks(0, whole, width);
  if (outputs > whole * width) copyBlocks(whole, 1, outputs - whole * width);
  return target;
}

/** The address of a bias as `[group][block][lanes]`, of constants with the outputs that are named. */
export const packedBias = (
  site: Site,
  index: number,
  groups: number,
  outputs: number,
  how: Pick<WeightShape, 'outputOffsets' | 'lanes'> = {},
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
    ...how,
  });

/** The same site, whose constants are stored as they are: biases do not stand fewer bits. */
const unlabelled = (site: Site): Site => ({
  ...site,
  emit: { ...site.emit, constant: (data, label) => site.emit.constant(data, label) },
});

const labelOf = (node: Node): string => node.name;
