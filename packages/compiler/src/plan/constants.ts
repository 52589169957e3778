// Constants on their way to the weights file: 32-bit words, each array once.

import { rowMajorStrides, type Tensor, type TensorData } from '@espalier/ir';
import type { MadeData, Preparation, WeightLayout } from '../targets/wasm/kernel.ts';
import type { Buffer, Order } from './view.ts';

/** Data for the weights file, and the buffer that it will be in. */
export type PlacedConstant = PlacedWords | PlacedWeights | PlacedOffsets;

/** What every constant has. */
interface Placed {
  readonly buffer: Buffer;
  /** Number of words. */
  readonly length: number;
  words(): Uint32Array;
  /** Writes the words over zeros. */
  write(into: Uint32Array): void;
}

/** Words that are used as they are shipped. */
export interface PlacedWords extends Placed {
  readonly kind: 'words';
}

/** Weights: they may be stored with fewer bits. */
export interface PlacedWeights extends Placed {
  readonly kind: 'weights';
  readonly layout: WeightLayout;
  /** What the buffer holds is made of the words at load. */
  readonly preparation: Preparation | undefined;
}

/** Lists of growing byte offsets, one list after the other: stored as steps of few bits. */
export interface PlacedOffsets extends Placed {
  readonly kind: 'offsets';
  /** How long each list is. */
  readonly lengths: readonly number[];
  /** Holds the lengths, in bytes of the lists, as 32-bit words. */
  readonly counts: Buffer;
}

/** The elements as 32-bit words, as memory holds them. */
export function wordsOf(data: TensorData): Uint32Array {
  if (data instanceof Uint8Array) return Uint32Array.from(data);
  return new Uint32Array(data.buffer, data.byteOffset, data.length);
}

/** 32 bits of FNV-1a over words: finds equal arrays; equality is then checked. */
export function hashWords(words: Uint32Array): number {
  let hash = 0x811c9dc5;
  for (const word of words) hash = Math.imul(hash ^ word, 0x01000193);
  return hash >>> 0;
}

const sameWords = (a: Uint32Array, b: Uint32Array): boolean => a.every((word, i) => word === b[i]);

/** Collects constants; equal ones share a buffer. */
export interface ConstantPool {
  add(
    data: TensorData | MadeData,
    label: string,
    layout?: WeightLayout,
    preparation?: Preparation,
  ): Buffer;
  /** Lists of growing multiples of 4, and the byte length of each. */
  addOffsets(
    lists: readonly (readonly number[])[],
    label: string,
  ): { readonly offsets: Buffer; readonly counts: Buffer };
  /** In order of first use. */
  readonly all: readonly PlacedConstant[];
}

/** An empty pool; `newBuffer` makes its buffers. */
export function createConstantPool(
  newBuffer: (bytes: number, kind: Buffer['kind'], label: string) => Buffer,
): ConstantPool {
  const all: PlacedConstant[] = [];
  const byHash = new Map<string, PlacedConstant[]>();
  const place = <T extends PlacedConstant>(constant: T): T => {
    all.push(constant);
    return constant;
  };
  // Made to be compared and let go: one piece of memory for all, which no collector has to be waited for.
  let scratch = new Uint32Array(0);
  const madeIn = (length: number, write: (into: Uint32Array) => void): Uint32Array => {
    if (scratch.length < length) scratch = new Uint32Array(length);
    const made = scratch.subarray(0, length).fill(0);
    write(made);
    return made;
  };
  const pool: ConstantPool = {
    all,
    add(data, label, layout, preparation) {
      const { length } = data;
      const write = (into: Uint32Array) => {
        if ('write' in data) data.write(new Float32Array(into.buffer, into.byteOffset, length));
        else into.set(wordsOf(data));
      };
      const words = () => {
        if (!('write' in data)) return wordsOf(data);
        const made = new Uint32Array(length);
        write(made);
        return made;
      };
      const what = { length, words, write };
      const buffer = (bytes: number) => newBuffer(bytes, 'constant', label);
      // Two preparations are never known to be the same.
      if (layout && preparation) {
        const own = buffer(preparation.bytes);
        return place({ kind: 'weights', buffer: own, ...what, layout, preparation }).buffer;
      }
      const shape = layout ? `${layout.blocks},${layout.rows},${layout.lanes}` : '';
      const made = 'write' in data ? madeIn(length, write) : words();
      const key = `${length}:${hashWords(made)}:${shape}`;
      const twins = byHash.get(key) ?? [];
      const twin = twins.find((other) => sameWords(other.words(), made));
      if (twin) return twin.buffer;
      const own = buffer(4 * length);
      const placed = place(
        layout
          ? { kind: 'weights', buffer: own, ...what, layout, preparation: undefined }
          : { kind: 'words', buffer: own, ...what },
      );
      byHash.set(key, [...twins, placed]);
      return own;
    },
    addOffsets(lists, label) {
      const lengths = lists.map((list) => list.length);
      const counts = pool.add(
        Int32Array.from(lengths, (length) => 4 * length),
        `${label}, counts`,
      );
      const words = Uint32Array.from(lists.flat());
      const buffer = newBuffer(words.byteLength, 'constant', `${label}, offsets`);
      place({
        kind: 'offsets',
        buffer,
        length: words.length,
        words: () => words,
        write: (into) => into.set(words),
        lengths,
        counts,
      });
      return { offsets: buffer, counts };
    },
  };
  return pool;
}

/** A constant's elements in another order. */
export function permuted(value: Tensor, axes: Order): TensorData {
  if (axes.every((axis, i) => axis === i)) return value.data;
  const { shape } = value.type;
  const from = rowMajorStrides(shape);
  const data = value.data.slice();
  const index = axes.map(() => 0);
  let at = 0;
  for (let to = 0; to < data.length; to++) {
    data[to] = value.data[at]!;
    for (let i = axes.length - 1; i >= 0; i--) {
      const axis = axes[i]!;
      at += from[axis]!;
      if (++index[i]! < shape[axis]!) break;
      at -= from[axis]! * index[i]!;
      index[i] = 0;
    }
  }
  return data;
}
