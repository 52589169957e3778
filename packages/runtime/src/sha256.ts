// Digests of the weights: by the engine where it may, else by hand, since pages served over plain
// http have no crypto.subtle.

/** SHA-256 in lower-case hexadecimal. */
export async function sha256(data: Uint8Array<ArrayBuffer>): Promise<string> {
  const { subtle } = globalThis.crypto ?? {};
  const digest = subtle ? new Uint8Array(await subtle.digest('SHA-256', data)) : digestOf(data);
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The first 32 bits of the fractional part of the `power`-th root of each of the first primes. */
function roots(count: number, power: number): Int32Array {
  const found = new Int32Array(count);
  for (let n = 2, i = 0; i < count; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
    if (prime) found[i++] = (n ** (1 / power) % 1) * 2 ** 32;
  }
  return found;
}

/** SHA-256 in plain code [FIPS 180-4 §6.2]. */
export function digestOf(data: Uint8Array): Uint8Array {
  const rotate = (x: number, by: number) => (x >>> by) | (x << (32 - by));
  const k = roots(64, 3);
  const state = roots(8, 2);
  const w = new Int32Array(64);
  const block = new DataView(new ArrayBuffer(64));
  const blocks = Math.ceil((data.length + 9) / 64);
  for (let at = 0; at < blocks; at++) {
    const part = data.subarray(at * 64, at * 64 + 64);
    const bytes = new Uint8Array(block.buffer).fill(0);
    bytes.set(part);
    const end = data.length - at * 64;
    if (end >= 0 && end < 64) bytes[end] = 128;
    if (at === blocks - 1) {
      block.setUint32(56, data.length / 2 ** 29);
      block.setUint32(60, data.length << 3);
    }
    for (let i = 0; i < 16; i++) w[i] = block.getInt32(i * 4);
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15]!;
      const y = w[i - 2]!;
      w[i] =
        w[i - 16]! +
        (rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3)) +
        w[i - 7]! +
        (rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10));
    }
    let [a, b, c, d, e, f, g, h] = state as unknown as Eight;
    for (let i = 0; i < 64; i++) {
      const x =
        h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + k[i]! + w[i]!;
      const y = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = (d + x) | 0;
      d = c;
      c = b;
      b = a;
      a = (x + y) | 0;
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => {
      state[i]! += value;
    });
  }
  const digest = new DataView(new ArrayBuffer(32));
  for (const [i, word] of state.entries()) digest.setInt32(i * 4, word);
  return new Uint8Array(digest.buffer);
}

type Eight = [number, number, number, number, number, number, number, number];
