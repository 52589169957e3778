// Tiny modules that only engines with a feature validate.

// One type, [] -> [v128], and one function of it.
const head = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10];
const splat = [65, 0, 253, 17]; // i32x4.splat(0)

/** Uses 128-bit SIMD. */
export const simdProbe = /* @__PURE__ */ Uint8Array.of(...head, 8, 1, 6, 0, ...splat, 11);

/** Uses `f32x4.relaxed_madd`. */
export const relaxedProbe = /* @__PURE__ */ Uint8Array.of(
  ...[...head, 19, 1, 17, 0, ...splat, ...splat, ...splat],
  ...[253, 133, 2, 11],
);
