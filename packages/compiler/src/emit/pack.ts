// How one constant is stored: as it is, or compactly and unpacked at load.

import { alignedTo } from '../plan/arena.ts';
import type { PlacedConstant, PlacedOffsets, PlacedWeights } from '../plan/constants.ts';
import type { Buffer } from '../plan/view.ts';
import type { Preparation, WeightLayout } from '../targets/wasm/kernel.ts';
import { encodeHalves, encodeInt8 } from './codes.ts';

/** How weights are stored (`?weights=`). */
export type WeightFormat = 'f32' | 'f16' | 'int8';

/** What a load step has to unpack. */
export type Packed = PackedWeights | PackedOffsets;

/** Weights, as codes with scales. */
export interface PackedWeights {
  readonly kind: WeightFormat;
  readonly buffer: Buffer;
  readonly layout: WeightLayout;
  readonly preparation: Preparation | undefined;
  /** Where codes begin, behind the headers: one f32 for each block and lane, where blocks are uneven followed by their rows. */
  readonly codesOffset: number;
}

/** Lists of offsets, as the steps from one to the next. */
export interface PackedOffsets {
  readonly kind: 'offsets';
  readonly buffer: Buffer;
  readonly counts: Buffer;
  readonly lists: number;
  /** Bytes that a step takes. */
  readonly stepBytes: 1 | 2 | 4;
  /** What steps count: words, or bytes where offsets are not whole words. */
  readonly unit: 1 | 4;
}

/** Bytes of the file that belong together. */
export interface Item {
  readonly bytes: number;
  /** Writes them over zeros. */
  write(into: Uint8Array): void;
  /** How they are unpacked; `undefined` where they are used as they are. */
  readonly packed: Packed | undefined;
}

/** Vectors are loaded from aligned addresses. */
export const vectorBytes = 16;

/**
 * Layers of fewer weights stay as they are, and so do the smallest layers that hold this share of all
 * weights together: they hardly weigh anything, and errors made in them spread furthest.
 */
const worthPacking = 4096;
const sharedExact = 0.1;

/** The weights that are stored with fewer bits. */
export function chooseNarrow(constants: readonly PlacedConstant[]): Set<PlacedConstant> {
  const weights = constants
    .filter(({ kind, length }) => kind === 'weights' && length >= worthPacking)
    .sort((a, b) => a.length - b.length);
  let exact = sharedExact * weights.reduce((sum, { length }) => sum + length, 0);
  return new Set(
    weights.filter(({ length }) => {
      exact -= length;
      return exact < 0;
    }),
  );
}

/** A constant as it is stored; weights in a format. */
export function itemOf(constant: PlacedConstant, format: WeightFormat): Item {
  if (constant.kind === 'offsets') return packOffsets(constant);
  const asIs = constant.kind === 'words' || !(constant.preparation || format !== 'f32');
  return asIs ? words(constant) : packWeights(constant, format);
}

const words = ({ length, write }: PlacedConstant): Item => ({
  bytes: 4 * length,
  write: (into) => write(new Uint32Array(into.buffer, into.byteOffset, length)),
  packed: undefined,
});

function packWeights(constant: PlacedWeights, kind: WeightFormat): Item {
  const { buffer, layout, preparation } = constant;
  const withHead = (head: Uint8Array, codes: Pick<Item, 'bytes' | 'write'>): Item => {
    const codesOffset = alignedTo(vectorBytes, head.length);
    return {
      bytes: codesOffset + codes.bytes,
      write(into) {
        into.set(head);
        codes.write(into.subarray(codesOffset));
      },
      packed: { kind, buffer, layout, preparation, codesOffset },
    };
  };
  if (kind === 'f32') return withHead(headers(layout), words(constant));
  const made = constant.words();
  const values = new Float32Array(made.buffer, made.byteOffset, made.length);
  const { scales, codes } = (kind === 'f16' ? encodeHalves : encodeInt8)(values, layout);
  return withHead(headers(layout, scales), asTheyAre(codes));
}

const asTheyAre = (
  data: Uint32Array | Uint16Array | Uint8Array,
): Pick<Item, 'bytes' | 'write'> => ({
  bytes: data.byteLength,
  write: (into) => into.set(bytesOf(data)),
});

/** What stands before the codes of each block: its scales, if any, and its rows where they differ. */
function headers({ blocks, rows, lanes }: WeightLayout, scales?: Float32Array): Uint8Array {
  const words = scales ? new Uint32Array(scales.buffer, scales.byteOffset, scales.length) : [];
  if (typeof rows === 'number') return bytesOf(Uint32Array.from(words));
  return bytesOf(
    Uint32Array.from(
      Array.from({ length: blocks }, (_, block) => [
        ...words.slice(block * lanes, scales ? (block + 1) * lanes : 0),
        rows[block]!,
      ]).flat(),
    ),
  );
}

function packOffsets({ buffer, counts, lengths, words: wordsOf }: PlacedOffsets): Item {
  const words = wordsOf();
  const steps = new Uint32Array(words.length);
  const unit = words.every((word) => word % 4 === 0) ? 4 : 1;
  let at = 0;
  for (const length of lengths)
    for (let i = 0; i < length; i++, at++)
      steps[at] = (words[at]! - (i === 0 ? 0 : words[at - 1]!)) / unit;
  const largest = steps.reduce((most, step) => Math.max(most, step), 0);
  const [stepBytes, codes] =
    largest < 1 << 8
      ? ([1, Uint8Array.from(steps)] as const)
      : largest < 1 << 16
        ? ([2, Uint16Array.from(steps)] as const)
        : ([4, steps] as const);
  const packed = {
    kind: 'offsets',
    buffer,
    counts,
    lists: lengths.length,
    stepBytes,
    unit,
  } as const;
  return { ...asTheyAre(codes), packed };
}

const bytesOf = (data: Uint32Array | Uint16Array | Uint8Array): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
