// Least squares without negative solutions: prices are never below zero.

/**
 * Minimises ‖A·x − b‖² over x ≥ 0 [Lawson & Hanson, "Solving Least Squares Problems", 1974, ch. 23].
 *
 * @param rows A, `[M][N]`.
 * @param values b, `[M]`.
 * @param ridge Added to the diagonal of AᵀA relative to it, so that equal columns share.
 * @param guess A solution of something alike: where it is positive this one is sought first.
 */
export function nonNegativeLeastSquares(
  rows: readonly (readonly number[])[],
  values: readonly number[],
  ridge = 1e-6,
  guess: readonly number[] = [],
): number[] {
  const n = rows[0]?.length ?? 0;
  const gram = Array.from({ length: n }, () => new Array<number>(n).fill(0));
  const moment = new Array<number>(n).fill(0);
  rows.forEach((row, m) => {
    for (let i = 0; i < n; i++) {
      if (row[i] === 0) continue;
      moment[i]! += row[i]! * values[m]!;
      for (let j = 0; j < n; j++) gram[i]![j]! += row[i]! * row[j]!;
    }
  });
  // Columns of very different sizes become comparable.
  const scale = gram.map((row, i) => 1 / Math.sqrt(row[i]! || 1));
  for (let i = 0; i < n; i++) {
    moment[i]! *= scale[i]!;
    for (let j = 0; j < n; j++) gram[i]![j]! *= scale[i]! * scale[j]!;
  }
  for (let i = 0; i < n; i++) gram[i]![i]! += ridge;

  const passive = new Set<number>();
  let x = new Array<number>(n).fill(0);
  /** The best with the columns that may be positive, fewer of them where some would be negative. */
  const settle = () => {
    for (;;) {
      const free = [...passive].sort((a, b) => a - b);
      const solved = solve(
        free.map((i) => free.map((j) => gram[i]![j]!)),
        free.map((i) => moment[i]!),
      );
      const target = new Array<number>(n).fill(0);
      free.forEach((i, k) => {
        target[i] = solved[k]!;
      });
      const negative = free.filter((i) => target[i]! <= 0);
      if (negative.length === 0) {
        x = target;
        break;
      }
      const step = Math.min(...negative.map((i) => x[i]! / (x[i]! - target[i]! || 1)));
      x = x.map((value, i) => value + step * (target[i]! - value));
      for (const i of negative)
        if (x[i]! <= 1e-12) {
          x[i] = 0;
          passive.delete(i);
        }
    }
  };
  guess.forEach((value, i) => {
    if (value > 0) passive.add(i);
  });
  settle();
  for (let round = 0; round < 3 * n + 3; round++) {
    const slope = moment.map(
      (value, i) => value - gram[i]!.reduce((sum, g, j) => sum + g * x[j]!, 0),
    );
    const next = slope.reduce(
      (best, value, i) =>
        !passive.has(i) && value > 1e-10 && (best < 0 || value > slope[best]!) ? i : best,
      -1,
    );
    if (next < 0) break;
    passive.add(next);
    settle();
  }
  return x.map((value, i) => value * scale[i]!);
}

/** Solves a symmetric positive system by elimination with pivots. */
function solve(matrix: readonly (readonly number[])[], values: readonly number[]): number[] {
  const n = values.length;
  const rows = matrix.map((row, i) => [...row, values[i]!]);
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let row = column + 1; row < n; row++)
      if (Math.abs(rows[row]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = row;
    [rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
    for (let row = column + 1; row < n; row++) {
      const factor = rows[row]![column]! / rows[column]![column]!;
      for (let k = column; k <= n; k++) rows[row]![k]! -= factor * rows[column]![k]!;
    }
  }
  const x = new Array<number>(n).fill(0);
  for (let row = n - 1; row >= 0; row--) {
    let sum = rows[row]![n]!;
    for (let k = row + 1; k < n; k++) sum -= rows[row]![k]! * x[k]!;
    x[row] = sum / rows[row]![row]!;
  }
  return x;
}
