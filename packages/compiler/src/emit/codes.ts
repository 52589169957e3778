// Weights in fewer bits, scaled by block and lane.

import type { WeightLayout } from '../targets/wasm/kernel.ts';
import { encodeF16 } from './half.ts';

/** Codes, and one scale for each block and lane: a weight is its code times its scale. */
export interface Encoded {
  readonly scales: Float32Array;
  readonly codes: Uint8Array;
}

/** Where the elements of each block begin, and where the last ends. */
function blockStarts({ blocks, rows, lanes }: WeightLayout): number[] {
  const starts = [0];
  for (let block = 0; block < blocks; block++)
    starts.push(starts[block]! + lanes * (typeof rows === 'number' ? rows : rows[block]!));
  return starts;
}

/** Visits every weight with the index of its scale. */
function eachWeight(layout: WeightLayout, visit: (at: number, channel: number) => void): void {
  const starts = blockStarts(layout);
  for (let block = 0; block < layout.blocks; block++)
    for (let at = starts[block]!; at < starts[block + 1]!; at++)
      visit(at, block * layout.lanes + (at % layout.lanes));
}

/** Scales from the greatest magnitude of each block and lane, and every weight divided by its scale. */
function scaled(
  values: Float32Array,
  layout: WeightLayout,
  scaleOf: (greatest: number) => number,
): { readonly scales: Float32Array; readonly quotients: Float32Array } {
  const greatest = new Float32Array(layout.blocks * layout.lanes);
  eachWeight(layout, (at, channel) => {
    greatest[channel] = Math.max(greatest[channel]!, Math.abs(values[at]!));
  });
  const scales = greatest.map(scaleOf);
  const quotients = new Float32Array(values.length);
  eachWeight(layout, (at, channel) => {
    quotients[at] = scales[channel] === 0 ? 0 : values[at]! / scales[channel]!;
  });
  return { scales, quotients };
}

/**
 * Halves, each channel moved by a power of two to the upper end of their range, so that small weights
 * keep all their digits.
 */
export function encodeHalves(values: Float32Array, layout: WeightLayout): Encoded {
  const { scales, quotients } = scaled(values, layout, (greatest) =>
    greatest === 0 ? 0 : 2 ** Math.max(-120, Math.floor(Math.log2(greatest)) - 14),
  );
  return { scales, codes: encodeF16(quotients) };
}

/** Symmetric codes with one scale for each block and lane: the greatest magnitude becomes 127. */
export function encodeInt8(values: Float32Array, layout: WeightLayout): Encoded {
  const { scales, quotients } = scaled(values, layout, (greatest) => greatest / 127);
  const codes = Int8Array.from(quotients, (value) =>
    Math.max(-127, Math.min(127, Math.round(value))),
  );
  return { scales, codes: new Uint8Array(codes.buffer) };
}
