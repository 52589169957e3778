// The phases of a transposed convolution along an axis, and which of them can be computed together.

import { elementBytes, type View } from '../../../plan/view.ts';
import { blockLanes } from './tile.ts';

/** The rows (or columns) of the output that read the same taps. */
export interface Phase {
  /** The first of them, and how many there are, `stride` apart. */
  readonly first: number;
  readonly count: number;
  /** The last tap that is read, the distance to the one before, and how many there are. */
  readonly tap: number;
  readonly tapStep: number;
  readonly taps: number;
  /** Where the window of the first output starts in the input, and the distance of its taps. */
  readonly start: number;
  readonly dilation: number;
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** The phases of an axis of `out` elements, by their first. */
export function phasesOf(
  out: number,
  taps: number,
  stride: number,
  dilation: number,
  pad: number,
): Phase[] {
  const tapStep = stride / gcd(stride, dilation);
  return Array.from({ length: Math.min(stride, out) }, (_, first): Phase => {
    const count = Math.ceil((out - first) / stride);
    const own = Array.from({ length: taps }, (_, r) => r).filter(
      (r) => (((first + pad - dilation * r) % stride) + stride) % stride === 0,
    );
    const tap = own.at(-1) ?? 0;
    return {
      first,
      count,
      tap,
      tapStep,
      taps: own.length,
      // The last tap reads the earliest input.
      start: own.length === 0 ? 0 : (first + pad - dilation * tap) / stride,
      dilation: dilation / gcd(stride, dilation),
    };
  });
}

/** Runs of neighbours whose windows read the same inputs. */
export function alike(list: readonly Phase[]): Phase[][] {
  const runs: Phase[][] = [];
  for (const phase of list) {
    const run = runs.at(-1);
    const keys = ['count', 'taps', 'start', 'dilation'] as const;
    if (run && keys.every((key) => run[0]![key] === phase[key])) run.push(phase);
    else runs.push([phase]);
  }
  return runs;
}

/** Phases that are computed as one convolution, whose outputs are `[row phase][column phase][channel]`. */
export interface Join {
  readonly down: readonly Phase[];
  readonly across: readonly Phase[];
  /** From one output to the next, in elements of each operand; without, they lie at `placesOf`. */
  readonly steps?: readonly number[];
}

/**
 * The joins of phases that read the same inputs.
 *
 * Column phases of dense pixels lie next to each other; others can be joined as far as one block of outputs
 * goes, which few channels would leave empty otherwise.
 *
 * @param operands The result and the extras, of so many channels.
 */
export function joinsOf(
  down: readonly Phase[],
  across: readonly Phase[],
  channels: number,
  operands: readonly View[],
): Join[] {
  const lanes = across.length * channels;
  const steps = operands.map((view) => stepOf(view, across.length, channels));
  const even = steps.every((step, i) => step !== undefined && (i > 0 || step === 1));
  const words = operands.every(({ dtype }) => elementBytes(dtype) === 4);
  const rows = words && lanes <= blockLanes ? Math.floor(blockLanes / lanes) : 1;
  const joins: Join[] = [];
  for (let first = 0; first < down.length; first += rows) {
    const own = down.slice(first, first + rows);
    if (own.length === 1 && even) joins.push({ down: own, across, steps: steps as number[] });
    else if (words && lanes <= blockLanes) joins.push({ down: own, across });
    else
      for (const one of across)
        joins.push({ down: own, across: [one], steps: operands.map(({ strides }) => strides[1]!) });
  }
  return joins;
}

/** Elements from one output to the next, over channels and then over neighbouring pixels. */
function stepOf({ strides }: View, pixels: number, channels: number): number | undefined {
  const [, channel, , pixel] = strides as [number, number, number, number];
  if (pixels === 1) return channel;
  if (channels === 1) return pixel;
  return pixel === channels * channel ? channel : undefined;
}

/** Where each output of a join lies in a view, in bytes from the first. */
export const placesOf = ({ down, across }: Join, channels: number, { strides }: View): number[] =>
  down.flatMap((_, row) =>
    across.flatMap((_, column) =>
      Array.from(
        { length: channels },
        (_, channel) => 4 * (row * strides[2]! + column * strides[3]! + channel * strides[1]!),
      ),
    ),
  );
