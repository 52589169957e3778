// The weights file: what is stored as it is, and what is stored with fewer bits and unpacked at load.

import { aligned } from '../plan/arena.ts';
import type { PlacedConstant } from '../plan/constants.ts';
import type { Buffer } from '../plan/view.ts';
import type { WeightLayout } from '../targets/wasm/kernel.ts';
import { encodeF16 } from './half.ts';

/** How weights are stored (`?weights=`). */
export type WeightFormat = 'f32' | 'f16' | 'int8';

/** Weights that a load step has to unpack; offsets are from the start of the file. */
export type Packed = {
  readonly buffer: Buffer;
  readonly fileOffset: number;
} & (
  | { readonly kind: 'f16'; readonly count: number }
  | { readonly kind: 'int8'; readonly scalesOffset: number; readonly layout: WeightLayout }
);

/** The file, and where everything in it belongs. */
export interface WeightFile {
  readonly bytes: Uint8Array;
  /** Constants that are used where they lie in the file: offset by buffer. */
  readonly plain: ReadonlyMap<Buffer, number>;
  readonly packed: readonly Packed[];
}

/** Below this many elements, a format saves less than its load step costs. */
const worthPacking = 256;

/** Lays constants out in a file: first those stored as they are, then the packed ones. */
export function encodeWeights(
  constants: readonly PlacedConstant[],
  format: WeightFormat,
): WeightFile {
  const packs = ({ layout, words }: PlacedConstant) =>
    format !== 'f32' && layout !== undefined && words.length >= worthPacking;
  const parts: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  let length = 0;
  const append = (bytes: Uint8Array): number => {
    const offset = length;
    parts.push({ offset, bytes });
    // Vectors are loaded from aligned addresses; 16 bytes keep the file small.
    length = Math.ceil((offset + bytes.length) / 16) * 16;
    return offset;
  };

  const plain = new Map<Buffer, number>();
  for (const constant of constants)
    if (!packs(constant)) plain.set(constant.buffer, append(bytesOf(constant.words)));
  length = aligned(length);
  const packed = constants.filter(packs).map(({ buffer, words, layout }): Packed => {
    const values = new Float32Array(words.buffer, words.byteOffset, words.length);
    if (format === 'f16' || !layout)
      return { kind: 'f16', buffer, count: values.length, fileOffset: append(encodeF16(values)) };
    const { scales, codes } = encodeInt8(values, layout);
    const scalesOffset = append(bytesOf(scales));
    return { kind: 'int8', buffer, layout, scalesOffset, fileOffset: append(bytesOf(codes)) };
  });

  const bytes = new Uint8Array(length);
  for (const part of parts) bytes.set(part.bytes, part.offset);
  return { bytes, plain, packed };
}

const bytesOf = (data: Uint32Array | Float32Array | Int8Array): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Symmetric codes with one scale for each block and lane: the greatest magnitude becomes 127. */
function encodeInt8(
  values: Float32Array,
  { blocks, rows, lanes }: WeightLayout,
): { readonly scales: Float32Array; readonly codes: Int8Array } {
  const scales = new Float32Array(blocks * lanes);
  const codes = new Int8Array(values.length);
  for (let block = 0; block < blocks; block++)
    for (let lane = 0; lane < lanes; lane++) {
      const at = (row: number) => (block * rows + row) * lanes + lane;
      let greatest = 0;
      for (let row = 0; row < rows; row++)
        greatest = Math.max(greatest, Math.abs(values[at(row)]!));
      const scale = Math.fround(greatest / 127);
      scales[block * lanes + lane] = scale;
      if (scale === 0) continue;
      for (let row = 0; row < rows; row++)
        codes[at(row)] = Math.max(-127, Math.min(127, Math.round(values[at(row)]! / scale)));
    }
  return { scales, codes };
}
