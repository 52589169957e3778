// A growing byte string, with the integer encodings of the WebAssembly binary format.

/** Appends bytes; `finish` returns what was written. */
export interface ByteWriter {
  readonly length: number;
  u8(value: number): void;
  /** Unsigned LEB128, up to 32 bits. */
  leb(value: number): void;
  /** Signed LEB128, up to 32 bits. */
  sleb(value: number): void;
  f32(value: number): void;
  bytes(values: ArrayLike<number>): void;
  text(value: string): void;
  finish(): Uint8Array;
}

/** Creates an empty writer. */
export function createWriter(): ByteWriter {
  let data = new Uint8Array(256);
  let length = 0;
  const reserve = (count: number) => {
    if (length + count <= data.length) return;
    const larger = new Uint8Array(Math.max(data.length * 2, length + count));
    larger.set(data.subarray(0, length));
    data = larger;
  };
  const writer: ByteWriter = {
    get length() {
      return length;
    },
    u8(value) {
      reserve(1);
      data[length++] = value;
    },
    leb(value) {
      let rest = value >>> 0;
      for (; rest >= 128; rest >>>= 7) writer.u8((rest & 127) | 128);
      writer.u8(rest);
    },
    sleb(value) {
      let rest = value | 0;
      for (;;) {
        const low = rest & 127;
        rest >>= 7;
        if ((rest === 0 && low < 64) || (rest === -1 && low >= 64)) return writer.u8(low);
        writer.u8(low | 128);
      }
    },
    f32(value) {
      reserve(4);
      new DataView(data.buffer).setFloat32(length, value, true);
      length += 4;
    },
    bytes(values) {
      reserve(values.length);
      data.set(values, length);
      length += values.length;
    },
    text(value) {
      const encoded = new TextEncoder().encode(value);
      writer.leb(encoded.length);
      writer.bytes(encoded);
    },
    finish: () => data.slice(0, length),
  };
  return writer;
}
