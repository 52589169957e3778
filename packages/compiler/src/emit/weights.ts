// The weights file: constants in the order in which inferences read them, in parts that are of use as they arrive.

import { createHash } from 'node:crypto';
import { alignedTo } from '../plan/arena.ts';
import type { PlacedConstant } from '../plan/constants.ts';
import type { Buffer } from '../plan/view.ts';
import { type Digest, digestOf, roundBytes } from './digest.ts';
import {
  chooseNarrow,
  type Item,
  itemOf,
  type Packed,
  vectorBytes,
  type WeightFormat,
} from './pack.ts';

/** A run of the file, either used where it is put or unpacked from there and done with. */
export interface FilePart {
  readonly kind: 'plain' | 'packed';
  readonly bytes: number;
  readonly digest: Digest;
}

/** Where something is in the file. */
export interface FilePlace {
  /** Which part. */
  readonly part: number;
  /** From the beginning of the part. */
  readonly byteOffset: number;
}

/** What a program unpacks. */
export type PackedPlace = Packed & FilePlace;

/** The file, and where everything in it belongs. */
export interface WeightFile {
  readonly bytes: Uint8Array;
  readonly parts: readonly FilePart[];
  /** Constants that are used as they are. */
  readonly plain: ReadonlyMap<Buffer, FilePlace>;
  /** For each program that the file is of, in the order of the file. */
  readonly packed: readonly (readonly PackedPlace[])[];
}

/** Parts are at least so large, and this share of the file, unless constants of the other kind follow. */
const leastPart = { bytes: 1 << 16, share: 1 / 48 } as const;

/** An item, and who waits for its place. */
interface Placing extends Item {
  readonly places: ((place: FilePlace) => void)[];
}

/**
 * Lays the constants of programs out in a file, each program's in their order. What several programs have in common
 * is there once.
 */
export function encodeWeights(
  programs: readonly (readonly PlacedConstant[])[],
  format: WeightFormat,
): WeightFile {
  const plain = new Map<Buffer, FilePlace>();
  const packed = programs.map((): PackedPlace[] => []);
  const placings: Placing[] = [];
  const keep = programs.length > 1 ? keepOnce(placings) : keepAll(placings);
  programs.forEach((constants, program) => {
    const narrow = format === 'f32' ? new Set<PlacedConstant>() : chooseNarrow(constants);
    for (const constant of constants) {
      const item = itemOf(constant, narrow.has(constant) ? format : 'f32');
      keep(item).places.push((place) => {
        if (item.packed) packed[program]!.push({ ...item.packed, ...place });
        else plain.set(constant.buffer, place);
      });
    }
  });
  const total = placings.reduce((sum, { bytes }) => sum + bytes, 0);
  const groups = grouped(placings, Math.max(leastPart.bytes, leastPart.share * total));
  const sizes = groups.map(lengthOf);
  const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  let start = 0;
  const parts = groups.map((group, part): FilePart => {
    const own = bytes.subarray(start, start + sizes[part]!);
    start += own.length;
    let byteOffset = 0;
    // Made where they belong: packed weights are not held beside the file.
    for (const { bytes: count, write, places } of group) {
      write(own.subarray(byteOffset, byteOffset + count));
      for (const place of places) place({ part, byteOffset });
      byteOffset += alignedTo(vectorBytes, count);
    }
    const kind = group[0]!.packed ? 'packed' : 'plain';
    return { kind, bytes: own.length, digest: digestOf(own) };
  });
  return { bytes, parts, plain, packed };
}

/** Bytes of a part: whole rounds of the digest, one at least. */
const lengthOf = (group: readonly Placing[]): number =>
  alignedTo(
    roundBytes,
    group.reduce((sum, { bytes }) => sum + alignedTo(vectorBytes, bytes), 1),
  );

/** Parts: of what follows each other up to some size, first what is used as it is, then what is not. */
function grouped(placings: readonly Placing[], least: number): Placing[][] {
  const groups: Placing[][] = [];
  let batch: Placing[] = [];
  let size = 0;
  const end = () => {
    const isPacked = ({ packed }: Placing) => packed !== undefined;
    for (const group of [batch.filter((one) => !isPacked(one)), batch.filter(isPacked)])
      if (group.length > 0) groups.push(group);
    [batch, size] = [[], 0];
  };
  for (const placing of placings) {
    batch.push(placing);
    size += placing.bytes;
    if (size >= least) end();
  }
  end();
  return groups;
}

const keepAll =
  (placings: Placing[]) =>
  (item: Item): Placing => {
    const placing = { ...item, places: [] };
    placings.push(placing);
    return placing;
  };

/** Items of equal bytes are kept once; each is made to see what it is, and let go. */
function keepOnce(placings: Placing[]): (item: Item) => Placing {
  const keep = keepAll(placings);
  const known = new Map<string, Placing>();
  return (item) => {
    const made = new Uint8Array(item.bytes);
    item.write(made);
    const kind = item.packed ? 'packed' : 'plain';
    const key = `${kind} ${createHash('sha256').update(made).digest('base64')}`;
    const placing = known.get(key) ?? keep(item);
    known.set(key, placing);
    return placing;
  };
}
