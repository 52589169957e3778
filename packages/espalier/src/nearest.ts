// The name that a misspelt one was probably meant to be.

/** The nearest of `names`, if at most a third of its letters (or one) differ. */
export function nearest(text: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const distance = editDistance(text.toLowerCase(), name);
    if (distance < least && distance <= Math.max(1, name.length / 3)) {
      best = name;
      least = distance;
    }
  }
  return best;
}

/** A hint at the name that was meant. */
export function didYouMean(text: string, names: readonly string[]): string {
  const close = nearest(text, names);
  return close ? `did you mean ${close}?` : `it is one of ${names.join(', ')}`;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j]!, before[j - 2]! + 1);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
