// Symmetric positive systems of a few hundred unknowns.

/**
 * The Cholesky factor L of a symmetric positive matrix, row-major, of which the lower half is read: A = L·Lᵀ.
 * Pivots that rounding has made too small are raised, so that every positive semidefinite matrix has one.
 */
export function cholesky(matrix: Float64Array, size: number): Float64Array {
  const l = new Float64Array(size * size);
  let largest = 0;
  for (let i = 0; i < size; i++) largest = Math.max(largest, matrix[i * size + i]!);
  const least = 1e-12 * largest || 1;
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * size + j]!;
      const [a, b] = [i * size, j * size];
      for (let k = 0; k < j; k++) sum -= l[a + k]! * l[b + k]!;
      l[a + j] = i === j ? Math.sqrt(Math.max(sum, least)) : sum / l[b + j]!;
    }
  return l;
}

/** Solves L·Lᵀ·x = b in place. */
export function solveInPlace(l: Float64Array, size: number, b: Float64Array): void {
  for (let i = 0; i < size; i++) {
    let sum = b[i]!;
    for (let k = 0; k < i; k++) sum -= l[i * size + k]! * b[k]!;
    b[i] = sum / l[i * size + i]!;
  }
  for (let i = size - 1; i >= 0; i--) {
    let sum = b[i]!;
    for (let k = i + 1; k < size; k++) sum -= l[k * size + i]! * b[k]!;
    b[i] = sum / l[i * size + i]!;
  }
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
