// The error function in double precision; JavaScript has none.

/**
 * erf(x) = 2/√π ∫₀ˣ e^−t² dt, with a relative error near 1e-15.
 *
 * Below 2.5 it sums e^−x² Σ 2ⁿ x²ⁿ⁺¹ / (2n+1)!!, whose terms are all of one sign; above, erfc by its
 * continued fraction, which the series would only reach through many more terms.
 */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (!(size < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  if (size >= 2.5) return Math.sign(x) * (1 - complement(size));
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** erfc(x) for x ≥ 2.5: e^−x²/√π · 1/(x + (1/2)/(x + (2/2)/(x + …))). */
function complement(x: number): number {
  let tail = x;
  // 60 levels leave less than 1e-16 at 2.5.
  for (let n = 60; n > 0; n--) tail = x + n / 2 / tail;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * tail);
}
