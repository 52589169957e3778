// Half precision: f32 to IEEE 754 binary16, rounded to nearest even.

/** Values as little-endian halves; what overflows becomes infinite. */
export function encodeF16(values: Float32Array): Uint8Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) halves[i] = halfOf(bits[i]!);
  return new Uint8Array(halves.buffer);
}

function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 65536 and more
  if (magnitude < 0x33000000) return sign; // below half of the least subnormal
  const exponent = magnitude >>> 23;
  // Subnormal halves have their leading one shifted in; others are rebased.
  const shift = exponent < 113 ? 126 - exponent : 13;
  const mantissa = exponent < 113 ? (magnitude & 0x7fffff) | 0x800000 : magnitude - (112 << 23);
  const half = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  return sign | (half + (rest > tie || (rest === tie && (half & 1) === 1) ? 1 : 0));
}
