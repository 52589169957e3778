// What a benchmark gives: rows of figures, and the bars that some of them have to clear.

/** One line of a benchmark's table. */
export type Row = Readonly<Record<string, string | number | boolean | null>>;

/** A figure with a wish. */
export interface Bar {
  readonly name: string;
  readonly value: number;
  /** The wish in words, such as `≤ 50 kB`. */
  readonly want: string;
  readonly holds: boolean;
}

/** The result of a benchmark. */
export interface Report {
  readonly rows: readonly Row[];
  readonly bars: readonly Bar[];
}

/** A bar that holds when the value is at most `limit`. */
export const atMost = (name: string, value: number, limit: number, unit = ''): Bar => ({
  name,
  value,
  want: `≤ ${limit}${unit && ` ${unit}`}`,
  holds: value <= limit,
});

/** A bar that holds when the value is at least `limit`. */
export const atLeast = (name: string, value: number, limit: number, unit = ''): Bar => ({
  name,
  value,
  want: `≥ ${limit}${unit && ` ${unit}`}`,
  holds: value >= limit,
});

/** A value as a table shows it: four digits. */
export const digits = (value: number): number => Number(value.toPrecision(4));
