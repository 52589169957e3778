// The weights file: what is stored as it is, and what is stored with fewer bits and unpacked at load.

import { aligned } from '../plan/arena.ts';
import type { PlacedConstant } from '../plan/constants.ts';
import type { Buffer } from '../plan/view.ts';
import type { Preparation, WeightLayout } from '../targets/wasm/kernel.ts';
import { encodeF16 } from './half.ts';

/** How weights are stored (`?weights=`). */
export type WeightFormat = 'f32' | 'f16' | 'int8';

/** Weights that a load step has to unpack or to prepare; offsets are from the start of the file. */
export interface Packed {
  readonly kind: WeightFormat;
  readonly buffer: Buffer;
  readonly layout: WeightLayout;
  readonly preparation: Preparation | undefined;
  readonly fileOffset: number;
  /** One f32 for each block and lane; `f32` weights have none. */
  readonly scalesOffset: number;
}

/** The file, and where everything in it belongs. */
export interface WeightFile {
  readonly bytes: Uint8Array;
  /** Constants that are used where they lie in the file: offset by buffer. */
  readonly plain: ReadonlyMap<Buffer, number>;
  readonly packed: readonly Packed[];
  /** Where the packed part begins: nothing from here on is read after the load steps. */
  readonly plainBytes: number;
}

/**
 * Layers of fewer weights stay as they are, and so do the smallest layers that hold this share of all
 * weights together: they hardly weigh anything, and errors made in them spread furthest.
 */
const worthPacking = 4096;
const sharedExact = 0.1;

/** The constants that are stored with fewer bits. */
function choosePacked(constants: readonly PlacedConstant[]): Set<PlacedConstant> {
  const packable = constants
    .filter(({ layout, words }) => layout !== undefined && words.length >= worthPacking)
    .sort((a, b) => a.words.length - b.words.length);
  let exact = sharedExact * packable.reduce((sum, { words }) => sum + words.length, 0);
  return new Set(
    packable.filter(({ words }) => {
      exact -= words.length;
      return exact < 0;
    }),
  );
}

/** Lays constants out in a file: first those used where they lie, then those a load step reads. */
export function encodeWeights(
  constants: readonly PlacedConstant[],
  format: WeightFormat,
): WeightFile {
  const chosen = format === 'f32' ? new Set<PlacedConstant>() : choosePacked(constants);
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
    if (!chosen.has(constant) && !constant.preparation)
      plain.set(constant.buffer, append(bytesOf(constant.words)));
  length = aligned(length);
  const plainBytes = length;
  const packed = constants.flatMap((constant): Packed[] => {
    const { buffer, words, layout, preparation } = constant;
    const kind = chosen.has(constant) ? format : 'f32';
    if (!layout || (kind === 'f32' && !preparation)) return [];
    const common = { kind, buffer, layout, preparation };
    if (kind === 'f32') {
      const fileOffset = append(bytesOf(words));
      return [{ ...common, fileOffset, scalesOffset: fileOffset }];
    }
    const values = new Float32Array(words.buffer, words.byteOffset, words.length);
    const { scales, codes } = (kind === 'f16' ? encodeHalves : encodeInt8)(values, layout);
    const scalesOffset = append(bytesOf(scales));
    return [{ ...common, scalesOffset, fileOffset: append(codes) }];
  });

  const bytes = new Uint8Array(length);
  for (const part of parts) bytes.set(part.bytes, part.offset);
  return { bytes, plain, packed, plainBytes };
}

const bytesOf = (data: Uint32Array | Float32Array | Int8Array): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

interface Encoded {
  readonly scales: Float32Array;
  readonly codes: Uint8Array;
}

/** The greatest magnitude of each block and lane. */
function greatestOf(values: Float32Array, { blocks, rows, lanes }: WeightLayout): Float32Array {
  const greatest = new Float32Array(blocks * lanes);
  for (let i = 0; i < values.length; i++) {
    const channel = Math.floor(i / (rows * lanes)) * lanes + (i % lanes);
    greatest[channel] = Math.max(greatest[channel]!, Math.abs(values[i]!));
  }
  return greatest;
}

/** Every weight divided by the scale of its block and lane. */
function scaled(values: Float32Array, scales: Float32Array, layout: WeightLayout): Float32Array {
  const { rows, lanes } = layout;
  return values.map((value, i) => {
    const scale = scales[Math.floor(i / (rows * lanes)) * lanes + (i % lanes)]!;
    return scale === 0 ? 0 : value / scale;
  });
}

/**
 * Halves, each channel moved by a power of two to the upper end of their range, so that small weights
 * keep all their digits.
 */
function encodeHalves(values: Float32Array, layout: WeightLayout): Encoded {
  const scales = greatestOf(values, layout).map((greatest) =>
    greatest === 0 ? 0 : 2 ** Math.max(-120, Math.floor(Math.log2(greatest)) - 14),
  );
  return { scales, codes: encodeF16(scaled(values, scales, layout)) };
}

/** Symmetric codes with one scale for each block and lane: the greatest magnitude becomes 127. */
function encodeInt8(values: Float32Array, layout: WeightLayout): Encoded {
  const scales = greatestOf(values, layout).map((greatest) => greatest / 127);
  const codes = Int8Array.from(scaled(values, scales, layout), (value) =>
    Math.max(-127, Math.min(127, Math.round(value))),
  );
  return { scales, codes: bytesOf(codes) };
}
