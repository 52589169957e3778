// Constants whose zeros are left out, as TensorFlow Lite keeps pruned weights.
//
// The tensor, perhaps cut into blocks, is a tree with a level for each dimension in the order of traversal. A dense
// level has all its branches; a sparse one lists them, as rows and columns of a compressed matrix are listed.

import { allocate, type Location, type TensorData, type TensorType } from '@espalier/ir';
import { badModel } from '../errors.ts';
import type { Table } from './flatbuffer.ts';

/** A level of the tree. */
type Level =
  | { readonly kind: 'dense'; readonly extent: number }
  | {
      readonly kind: 'sparse';
      readonly segments: readonly number[];
      readonly indices: readonly number[];
    };

interface Tree {
  readonly levels: readonly Level[];
  /** The dimension of each level: those of the tensor, then those inside of a block. */
  readonly order: readonly number[];
  /** The tensor's dimension that each dimension of a block cuts. */
  readonly blocks: readonly number[];
}

const list = (table: Table, kind: number, field: number): number[] | undefined => {
  const vector = table.table(field);
  if (kind === 1) return vector?.int32s(0);
  if (kind === 2) return vector?.uint16s(0);
  return kind === 3 ? vector?.uint8s(0) : undefined;
};

function readTree(table: Table, shape: readonly number[], at: Location): Tree {
  const order = table.int32s(0) ?? [];
  const blocks = table.int32s(1) ?? [];
  const levels = table.tables(2).map((level): Level => {
    if (level.int8(0) === 0) return { kind: 'dense', extent: level.int32(1) };
    const segments = list(level, level.uint8(2), 3);
    const indices = list(level, level.uint8(4), 5);
    if (!segments || !indices) throw badModel('a sparse dimension does not list its elements', at);
    return { kind: 'sparse', segments, indices };
  });
  const count = shape.length + blocks.length;
  const seen = new Set(order);
  const sound =
    levels.length === count &&
    order.length === count &&
    seen.size === count &&
    count <= 32 &&
    order.every((dim) => dim >= 0 && dim < count) &&
    blocks.every((dim) => dim >= 0 && dim < shape.length) &&
    levels.every((level) => level.kind === 'sparse' || level.extent >= 0);
  if (!sound) throw badModel('a sparse tensor has an order that fits no tensor', at);
  return { levels, order, blocks };
}

/** Visits the stored elements in order: where each one lies along the levels. */
function walk(
  { levels }: Tree,
  most: number,
  at: Location,
  visit: (path: readonly number[]) => void,
): void {
  const path: number[] = [];
  const listed = (level: Level) =>
    level.kind === 'dense' ? 0 : level.segments.length + level.indices.length;
  let left = levels.reduce((sum, level) => sum + listed(level), (levels.length + 1) * most);
  const descend = (depth: number, parent: number): void => {
    if (--left < 0) throw badModel('a sparse tensor lists more than it holds', at);
    const level = levels[depth];
    if (level === undefined) {
      visit(path);
      return;
    }
    const dense = level.kind === 'dense';
    const start = dense ? parent * level.extent : (level.segments[parent] ?? 0);
    const end = dense ? start + level.extent : (level.segments[parent + 1] ?? 0);
    if (start < 0 || (!dense && end > level.indices.length))
      throw badModel('a sparse tensor lists elements that it lacks', at);
    for (let child = start; child < end; child++) {
      path[depth] = dense ? child - start : level.indices[child]!;
      descend(depth + 1, child);
    }
  };
  descend(0, 0);
}

/** How many elements are stored, `most` at most. @throws {EspalierError} BAD_MODEL */
export function storedCount(
  table: Table,
  shape: readonly number[],
  most: number,
  at: Location,
): number {
  let count = 0;
  walk(readTree(table, shape, at), most, at, () => {
    count++;
  });
  return count;
}

/** The stored elements at their places among zeros. @throws {EspalierError} BAD_MODEL */
export function densify(
  table: Table,
  stored: TensorData,
  { dtype, shape }: TensorType,
  at: Location,
): TensorData {
  const tree = readTree(table, shape, at);
  const { order, blocks, levels } = tree;
  const extents = blocks.map((_, i) => {
    const level = levels[order.indexOf(shape.length + i)];
    return level?.kind === 'dense' ? level.extent : 0;
  });
  const dense = allocate({ dtype, shape });
  let next = 0;
  walk(tree, stored.length, at, (path) => {
    const place = new Array<number>(order.length).fill(0);
    order.forEach((dim, level) => {
      place[dim] = path[level]!;
    });
    let index = 0;
    for (let dim = 0; dim < shape.length; dim++) {
      const block = blocks.indexOf(dim);
      const own =
        block < 0 ? place[dim]! : place[dim]! * extents[block]! + place[shape.length + block]!;
      if (own >= shape[dim]!)
        throw badModel(`a sparse tensor has an element beyond [${shape}]`, at);
      index = index * shape[dim]! + own;
    }
    dense[index] = stored[next++]!;
  });
  return dense;
}
