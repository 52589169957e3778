// A TFLite model that ends earlier: its last operators left out, and another tensor its output.

/** The file with `count` operators fewer, whose one output is the first operand of the first that is left out. */
export function withoutLast(bytes: Uint8Array, count: number): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  const follow = (place: number) => place + view.getUint32(place, true);
  /** Where a field of a table is; the file is one of a package, and sound. */
  const field = (table: number, slot: number): number => {
    const vtable = table - view.getInt32(table, true);
    return table + view.getUint16(vtable + 4 + 2 * slot, true);
  };
  const element = (vector: number, i: number) => vector + 4 + 4 * i;
  const subgraphs = follow(field(follow(0), 2));
  const main = follow(element(subgraphs, 0));
  const operators = follow(field(main, 3));
  const left = view.getUint32(operators, true) - count;
  const next = follow(element(operators, left));
  const operand = view.getInt32(element(follow(field(next, 1)), 0), true);
  view.setUint32(operators, left, true);
  view.setInt32(element(follow(field(main, 2)), 0), operand, true);
  return copy;
}
