// Where a program has the parts of the weights file in memory, and what of it each call waits for.

import { aligned } from '../plan/arena.ts';
import type { Address, Buffer } from '../plan/view.ts';
import type { PackedPlace, WeightFile } from './weights.ts';

/** Where a program has its constants. */
export interface PlacedParts {
  /** Bytes that all constants take. */
  readonly bytes: number;
  /** Where each constant is. */
  readonly offsets: Map<Buffer, number>;
  /** Where parts of the file are put for good; those that are missing are unpacked, or of no use to the program. */
  readonly parts: readonly (number | undefined)[];
  /** The last part of the file that each call reads from, −1 for none. */
  readonly needs: readonly number[];
}

/** Places the constants of a program, in the order of the file. */
export function placeParts(
  { parts, plain }: WeightFile,
  packed: readonly PackedPlace[],
  calls: readonly { readonly args: readonly Address[] }[],
): PlacedParts {
  const partOf = new Map<Buffer, number>(packed.map(({ buffer, part }) => [buffer, part]));
  for (const [buffer, { part }] of plain) partOf.set(buffer, part);
  const needed = calls.map(({ args }) => args.map(({ buffer }) => partOf.get(buffer) ?? -1));
  const counted = packed.flatMap((one) =>
    one.kind === 'offsets' ? [partOf.get(one.counts)!] : [],
  );
  const used = new Set([...needed.flat(), ...counted]);
  const offsets = new Map<Buffer, number>();
  const starts: (number | undefined)[] = [];
  let bytes = 0;
  const take = (count: number): number => {
    const start = bytes;
    bytes += aligned(count);
    return start;
  };
  const unpacked = parts.map((): Buffer[] => []);
  for (const { part, buffer } of packed) unpacked[part]!.push(buffer);
  parts.forEach((part, index) => {
    if (part.kind === 'plain' && used.has(index)) starts[index] = take(part.bytes);
    for (const buffer of unpacked[index]!) offsets.set(buffer, take(buffer.bytes));
  });
  for (const [buffer, { part, byteOffset }] of plain) {
    const start = starts[part];
    if (start !== undefined) offsets.set(buffer, start + byteOffset);
  }
  return { bytes, offsets, parts: starts, needs: needed.map((all) => Math.max(-1, ...all)) };
}

/** How many calls need nothing that follows a part. */
export function readyAfter(part: number, needs: readonly number[]): number {
  const waits = needs.findIndex((need) => need > part);
  return waits === -1 ? needs.length : waits;
}
