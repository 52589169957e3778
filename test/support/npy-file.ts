// Writes arrays as NumPy saves them.

/** A `.npy` file of an array in C order. */
export function npyFile(
  descr: string,
  shape: readonly number[],
  data: Float32Array | Float64Array | Uint8Array | Int16Array,
): Uint8Array {
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${dims}), }`;
  const header = `${text.padEnd(117)}\n`;
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const head = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]);
  return Uint8Array.from(Buffer.concat([head, Buffer.from(header, 'latin1'), bytes]));
}
