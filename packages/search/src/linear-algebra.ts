// Symmetric positive systems of a few hundred unknowns.

/** Right sides, or columns, that are worked on at once: a value that is read serves all of them. */
const lanes = 4;

/**
 * The Cholesky factor L of a symmetric positive matrix, row-major, of which the lower half is read: A = L·Lᵀ.
 * Pivots that rounding has made too small are raised, so that every positive semidefinite matrix has one.
 */
export function cholesky(matrix: Float64Array, size: number): Float64Array {
  const l = new Float64Array(size * size);
  let largest = 0;
  for (let i = 0; i < size; i++) largest = Math.max(largest, matrix[i * size + i]!);
  const least = 1e-12 * largest || 1;
  for (let i = 0; i < size; i++) {
    const row = i * size;
    let j = 0;
    for (; j + lanes <= i; j += lanes) {
      const [b0, b1, b2, b3] = [j * size, (j + 1) * size, (j + 2) * size, (j + 3) * size];
      let s0 = matrix[row + j]!;
      let s1 = matrix[row + j + 1]!;
      let s2 = matrix[row + j + 2]!;
      let s3 = matrix[row + j + 3]!;
      for (let k = 0; k < j; k++) {
        const own = l[row + k]!;
        s0 -= own * l[b0 + k]!;
        s1 -= own * l[b1 + k]!;
        s2 -= own * l[b2 + k]!;
        s3 -= own * l[b3 + k]!;
      }
      // The triangle that these columns make among themselves.
      s0 /= l[b0 + j]!;
      s1 = (s1 - s0 * l[b1 + j]!) / l[b1 + j + 1]!;
      s2 = (s2 - s0 * l[b2 + j]! - s1 * l[b2 + j + 1]!) / l[b2 + j + 2]!;
      s3 -= s0 * l[b3 + j]! + s1 * l[b3 + j + 1]! + s2 * l[b3 + j + 2]!;
      s3 /= l[b3 + j + 3]!;
      l[row + j] = s0;
      l[row + j + 1] = s1;
      l[row + j + 2] = s2;
      l[row + j + 3] = s3;
    }
    for (; j <= i; j++) {
      let sum = matrix[row + j]!;
      const other = j * size;
      for (let k = 0; k < j; k++) sum -= l[row + k]! * l[other + k]!;
      l[row + j] = i === j ? Math.sqrt(Math.max(sum, least)) : sum / l[other + j]!;
    }
  }
  return l;
}

/** Solves L·Lᵀ·x = b in place. */
export function solveInPlace(l: Float64Array, size: number, b: Float64Array): void {
  for (let i = 0; i < size; i++) {
    const row = i * size;
    let sum = b[i]!;
    for (let k = 0; k < i; k++) sum -= l[row + k]! * b[k]!;
    b[i] = sum / l[row + i]!;
  }
  // L is read row by row here too: each solved unknown is taken out of those before it.
  for (let i = size - 1; i >= 0; i--) {
    const row = i * size;
    const own = b[i]! / l[row + i]!;
    b[i] = own;
    for (let k = 0; k < i; k++) b[k]! -= l[row + k]! * own;
  }
}

/** Solves L·Lᵀ·x = b in place for several b, one behind another. */
export function solveAllInPlace(l: Float64Array, size: number, all: Float64Array): void {
  const count = all.length / size;
  const grouped = count - (count % lanes);
  const b = new Float64Array(lanes * size); // [size][lanes]
  for (let first = 0; first < grouped; first += lanes) {
    for (let lane = 0; lane < lanes; lane++)
      for (let i = 0; i < size; i++) b[lanes * i + lane] = all[(first + lane) * size + i]!;
    solveLanes(l, size, b);
    for (let lane = 0; lane < lanes; lane++)
      for (let i = 0; i < size; i++) all[(first + lane) * size + i] = b[lanes * i + lane]!;
  }
  for (let at = grouped; at < count; at++)
    solveInPlace(l, size, all.subarray(at * size, (at + 1) * size));
}

/** `solveInPlace` for as many b as there are lanes, `[size][lanes]`. */
function solveLanes(l: Float64Array, size: number, b: Float64Array): void {
  for (let i = 0; i < size; i++) {
    const row = i * size;
    const at = lanes * i;
    let s0 = b[at]!;
    let s1 = b[at + 1]!;
    let s2 = b[at + 2]!;
    let s3 = b[at + 3]!;
    for (let k = 0, from = 0; k < i; k++, from += lanes) {
      const own = l[row + k]!;
      s0 -= own * b[from]!;
      s1 -= own * b[from + 1]!;
      s2 -= own * b[from + 2]!;
      s3 -= own * b[from + 3]!;
    }
    const pivot = l[row + i]!;
    b[at] = s0 / pivot;
    b[at + 1] = s1 / pivot;
    b[at + 2] = s2 / pivot;
    b[at + 3] = s3 / pivot;
  }
  for (let i = size - 1; i >= 0; i--) {
    const row = i * size;
    const at = lanes * i;
    const pivot = l[row + i]!;
    const s0 = b[at]! / pivot;
    const s1 = b[at + 1]! / pivot;
    const s2 = b[at + 2]! / pivot;
    const s3 = b[at + 3]! / pivot;
    b[at] = s0;
    b[at + 1] = s1;
    b[at + 2] = s2;
    b[at + 3] = s3;
    for (let k = 0, to = 0; k < i; k++, to += lanes) {
      const own = l[row + k]!;
      b[to]! -= own * s0;
      b[to + 1]! -= own * s1;
      b[to + 2]! -= own * s2;
      b[to + 3]! -= own * s3;
    }
  }
}

/** W·A, `[rows][size]`, with a symmetric A. */
export function timesSymmetric(w: Float64Array, a: Float64Array, size: number): Float64Array {
  const result = new Float64Array(w.length);
  const rows = w.length / size;
  let row = 0;
  for (; row + lanes <= rows; row += lanes) {
    const first = row * size;
    const [at1, at2, at3] = [first + size, first + 2 * size, first + 3 * size];
    for (let j = 0; j < size; j++) {
      const column = j * size;
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      for (let i = 0; i < size; i++) {
        const own = a[column + i]!;
        s0 += own * w[first + i]!;
        s1 += own * w[at1 + i]!;
        s2 += own * w[at2 + i]!;
        s3 += own * w[at3 + i]!;
      }
      result[first + j] = s0;
      result[at1 + j] = s1;
      result[at2 + j] = s2;
      result[at3 + j] = s3;
    }
  }
  for (; row < rows; row++)
    for (let j = 0; j < size; j++) {
      let sum = 0;
      for (let i = 0; i < size; i++) sum += a[j * size + i]! * w[row * size + i]!;
      result[row * size + j] = sum;
    }
  return result;
}

/** The inverse of the matrix whose factor is L. */
export function inverse(l: Float64Array, size: number): Float64Array {
  const lower = invertLower(l, size);
  const result = new Float64Array(size * size);
  // (L·Lᵀ)⁻¹ = L⁻ᵀ·L⁻¹: rows of L⁻¹ are added up, so that memory is read in order.
  for (let k = 0; k < size; k++)
    for (let i = 0; i <= k; i++) {
      const factor = lower[k * size + i]!;
      if (factor === 0) continue;
      const [to, from] = [i * size, k * size];
      for (let j = 0; j <= i; j++) result[to + j]! += factor * lower[from + j]!;
    }
  for (let i = 0; i < size; i++)
    for (let j = 0; j < i; j++) result[j * size + i] = result[i * size + j]!;
  return result;
}

/** L⁻¹. */
function invertLower(l: Float64Array, size: number): Float64Array {
  const result = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    const row = i * size;
    const pivot = 1 / l[row + i]!;
    result[row + i] = pivot;
    for (let k = 0; k < i; k++) {
      const factor = -l[row + k]! * pivot;
      if (factor === 0) continue;
      const from = k * size;
      for (let j = 0; j <= k; j++) result[row + j]! += factor * result[from + j]!;
    }
  }
  return result;
}
