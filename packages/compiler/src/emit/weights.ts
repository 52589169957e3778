// The weights file: what is stored as it is, and what is stored compactly and unpacked at load.

import { createHash } from 'node:crypto';
import { aligned } from '../plan/arena.ts';
import type { PlacedConstant, PlacedOffsets, PlacedWeights } from '../plan/constants.ts';
import type { Buffer } from '../plan/view.ts';
import type { Preparation, WeightLayout } from '../targets/wasm/kernel.ts';
import { encodeHalves, encodeInt8 } from './codes.ts';

/** How weights are stored (`?weights=`). */
export type WeightFormat = 'f32' | 'f16' | 'int8';

/** What a load step has to unpack; offsets are from the start of the file. */
export type Packed = PackedWeights | PackedOffsets;

/** Weights, as codes with scales. */
export interface PackedWeights {
  readonly kind: WeightFormat;
  readonly buffer: Buffer;
  readonly layout: WeightLayout;
  readonly preparation: Preparation | undefined;
  readonly fileOffset: number;
  /** One f32 for each block and lane, where blocks are uneven followed by their rows. */
  readonly scalesOffset: number;
}

/** Lists of offsets, as the steps from one to the next. */
export interface PackedOffsets {
  readonly kind: 'offsets';
  readonly buffer: Buffer;
  readonly counts: Buffer;
  readonly lists: number;
  readonly fileOffset: number;
  /** Bytes that a step takes. */
  readonly stepBytes: 1 | 2 | 4;
  /** What steps count: words, or bytes where offsets are not whole words. */
  readonly unit: 1 | 4;
}

/** The file, and where everything in it belongs. */
export interface WeightFile {
  readonly bytes: Uint8Array;
  /** Constants that are used where they lie in the file: offset by buffer. */
  readonly plain: ReadonlyMap<Buffer, number>;
  /** For each program that the file is of. */
  readonly packed: readonly (readonly Packed[])[];
  /** Where the packed part begins: nothing from here on is read after the load steps. */
  readonly plainBytes: number;
}

/**
 * Layers of fewer weights stay as they are, and so do the smallest layers that hold this share of all
 * weights together: they hardly weigh anything, and errors made in them spread furthest.
 */
const worthPacking = 4096;
const sharedExact = 0.1;

/** The weights that are stored with fewer bits. */
function chooseNarrow(constants: readonly PlacedConstant[]): Set<PlacedConstant> {
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

/**
 * Lays the constants of programs out in a file: first those used where they lie, then those a load step reads. What
 * several programs have in common is there once.
 */
export function encodeWeights(
  programs: readonly (readonly PlacedConstant[])[],
  format: WeightFormat,
): WeightFile {
  const parts: Part[] = [];
  let length = 0;
  const append: Append = (count, write) => {
    const offset = length;
    parts.push({ offset, count, write });
    // Vectors are loaded from aligned addresses; 16 bytes keep the file small.
    length = Math.ceil((offset + count) / 16) * 16;
    return offset;
  };
  const add = programs.length > 1 ? appendOnce(append) : append;

  const plain = new Map<Buffer, number>();
  const packing = programs.map((constants) => {
    const narrow = format === 'f32' ? new Set<PlacedConstant>() : chooseNarrow(constants);
    const rest: (PlacedWeights | PlacedOffsets)[] = [];
    for (const constant of constants) {
      const { kind, buffer } = constant;
      const asIs = kind === 'words' || (kind === 'weights' && !constant.preparation);
      if (asIs && !narrow.has(constant)) plain.set(buffer, appendWords(add, constant));
      else if (kind !== 'words') rest.push(constant);
    }
    return { narrow, rest };
  });
  length = aligned(length);
  const plainBytes = length;
  const packed = packing.map(({ narrow, rest }) =>
    rest.map((constant) =>
      constant.kind === 'offsets'
        ? packOffsets(constant, add)
        : packWeights(constant, narrow.has(constant) ? format : 'f32', add),
    ),
  );

  const bytes = new Uint8Array(length);
  // Parts are made where they belong: packed weights are not held beside the file.
  for (const { offset, count, write } of parts) write(bytes.subarray(offset, offset + count));
  return { bytes, plain, packed, plainBytes };
}

/** Parts of equal bytes are added once; each is made to see what it is, and let go. */
function appendOnce(append: Append): Append {
  const offsets = new Map<string, number>();
  return (count, write) => {
    const made = new Uint8Array(count);
    write(made);
    const key = createHash('sha256').update(made).digest('base64');
    const offset = offsets.get(key) ?? append(count, write);
    offsets.set(key, offset);
    return offset;
  };
}

function packWeights(constant: PlacedWeights, kind: WeightFormat, append: Append): PackedWeights {
  const { buffer, layout, preparation } = constant;
  const head = (scales?: Float32Array) => appendNow(append, headers(layout, scales));
  if (kind === 'f32') {
    const scalesOffset = head();
    const fileOffset = appendWords(append, constant);
    return { kind, buffer, layout, preparation, scalesOffset, fileOffset };
  }
  const made = constant.words();
  const values = new Float32Array(made.buffer, made.byteOffset, made.length);
  const { scales, codes } = (kind === 'f16' ? encodeHalves : encodeInt8)(values, layout);
  const scalesOffset = head(scales);
  return { kind, buffer, layout, preparation, scalesOffset, fileOffset: appendNow(append, codes) };
}

/** Bytes of the file. */
interface Part {
  readonly offset: number;
  readonly count: number;
  readonly write: Write;
}

/** Writes a part over zeros. */
type Write = (into: Uint8Array) => void;

/** Adds a part of so many bytes to the file, written when the file is; gives its offset. */
type Append = (count: number, write: Write) => number;

const appendWords = (append: Append, { length, write }: PlacedConstant): number =>
  append(4 * length, (into) => write(new Uint32Array(into.buffer, into.byteOffset, length)));

const appendNow = (append: Append, data: Uint32Array | Uint16Array | Uint8Array): number =>
  append(data.byteLength, (into) => into.set(bytesOf(data)));

/** What stands before the codes of each block: its scales, if any, and its rows where they differ. */
function headers({ blocks, rows, lanes }: WeightLayout, scales?: Float32Array): Uint32Array {
  const words = scales ? new Uint32Array(scales.buffer, scales.byteOffset, scales.length) : [];
  if (typeof rows === 'number') return Uint32Array.from(words);
  return Uint32Array.from(
    Array.from({ length: blocks }, (_, block) => [
      ...words.slice(block * lanes, scales ? (block + 1) * lanes : 0),
      rows[block]!,
    ]).flat(),
  );
}

function packOffsets(
  { buffer, counts, lengths, words: wordsOf }: PlacedOffsets,
  append: Append,
): PackedOffsets {
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
  const fileOffset = appendNow(append, codes);
  return { kind: 'offsets', buffer, counts, lists: lengths.length, fileOffset, stepBytes, unit };
}

const bytesOf = (data: Uint32Array | Uint16Array | Uint8Array): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
