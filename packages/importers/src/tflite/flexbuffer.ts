// Reads the options of custom operators: a FlexBuffers map of numbers. Nothing is read before it is known to be inside.
//
// The last byte is the width of the root, the one before it its type; references count backwards from their own place.
// A map is `place of the keys | width of the keys | count | values | a byte of type for each value`.

/** Types of values, in the upper six bits of their byte; the lower two are the logarithm of a width. */
const types = {
  int: 1,
  uint: 2,
  float: 3,
  farInt: 6,
  farUint: 7,
  farFloat: 8,
  map: 9,
  bool: 26,
} as const;

const mostEntries = 256;
const mostName = 256;

/**
 * The numbers of a map, by key; what is no number is left out.
 *
 * @throws {RangeError} where the bytes refer beyond themselves
 */
export function readNumbers(bytes: Uint8Array): ReadonlyMap<string, number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** An unsigned number; `DataView` refuses what is outside. */
  const unsigned = (at: number, width: number): number => {
    if (width === 1) return view.getUint8(at);
    if (width === 2) return view.getUint16(at, true);
    return width === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
  };
  const signed = (at: number, width: number): number => {
    if (width === 1) return view.getInt8(at);
    if (width === 2) return view.getInt16(at, true);
    return width === 4 ? view.getInt32(at, true) : Number(view.getBigInt64(at, true));
  };
  const float = (at: number, width: number): number =>
    width === 8 ? view.getFloat64(at, true) : view.getFloat32(at, true);
  const back = (at: number, width: number): number => at - unsigned(at, width);
  const name = (at: number): string => {
    const end = bytes.subarray(0, at + mostName).indexOf(0, at);
    if (at < 0 || end < 0) throw new RangeError('a key without an end');
    return new TextDecoder().decode(bytes.subarray(at, end));
  };

  const rootWidth = view.getUint8(bytes.length - 1);
  const packed = view.getUint8(bytes.length - 2);
  if (packed >> 2 !== types.map) return new Map();
  const values = back(bytes.length - 2 - rootWidth, rootWidth);
  const width = 1 << (packed & 3);
  const count = unsigned(values - width, width);
  if (count > mostEntries) throw new RangeError(`${count} entries`);
  const keyWidth = unsigned(values - 2 * width, width);
  const keys = back(values - 3 * width, width);
  const found = new Map<string, number>();
  for (let i = 0; i < count; i++) {
    const at = values + i * width;
    const type = view.getUint8(values + count * width + i);
    const far = 1 << (type & 3);
    const read: Readonly<Record<number, () => number>> = {
      [types.int]: () => signed(at, width),
      [types.uint]: () => unsigned(at, width),
      [types.float]: () => float(at, width),
      [types.farInt]: () => signed(back(at, width), far),
      [types.farUint]: () => unsigned(back(at, width), far),
      [types.farFloat]: () => float(back(at, width), far),
      [types.bool]: () => unsigned(at, width),
    };
    const value = read[type >> 2];
    if (value) found.set(name(back(keys + i * keyWidth, keyWidth)), value());
  }
  return found;
}
