// Reads NumPy files of the types that the shared data uses.

/** An array as NumPy wrote it, in C order. */
export interface NpyArray {
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint8Array | Int16Array;
}

/** Reads `<f4`, `|u1` and `<i2` arrays. */
export function readNpy(bytes: Buffer): NpyArray {
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, start);
  const descr = /'descr': '([^']+)'/.exec(header)?.[1];
  const dims = /'shape': \(([^)]*)\)/.exec(header)?.[1] ?? '';
  const shape = dims.split(',').flatMap((dim) => (dim.trim() === '' ? [] : [Number(dim)]));
  const buffer = Uint8Array.from(bytes.subarray(start)).buffer;
  if (descr === '<f4') return { shape, data: new Float32Array(buffer) };
  if (descr === '<i2') return { shape, data: new Int16Array(buffer) };
  if (descr === '|u1') return { shape, data: new Uint8Array(buffer) };
  throw new Error(`npy type ${descr}`);
}
