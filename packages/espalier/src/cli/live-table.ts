// Shows a search while it runs: how far it is, how long it will take, and the plans that were tried.

import type { Progress } from '@espalier/search';

/** Where it is shown. */
export interface Screen {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

/** Seconds in words. */
const seconds = (ms: number): string =>
  ms < 90_000 ? `${Math.ceil(ms / 1000)} s` : `${Math.ceil(ms / 60_000)} min`;

/** How long the current phase will take, by what it has taken so far. */
export function remainingMs(startMs: number, nowMs: number, done: number, total: number): number {
  return done === 0 ? Number.NaN : ((nowMs - startMs) / done) * (total - done);
}

/** A place for progress: one line that changes where somebody looks, else a line for each plan. */
export function liveTable(
  screen: Screen,
  now: () => number = () => performance.now(),
): { show(progress: Progress): void; close(): void } {
  let phase: { readonly name: Progress['phase']; readonly startMs: number } | undefined;
  const live = screen.isTTY === true;
  return {
    show({ phase: name, done, total, message }) {
      if (phase?.name !== name) phase = { name, startMs: now() };
      const left = remainingMs(phase.startMs, now(), done, total);
      const eta = Number.isNaN(left) ? '' : `, at most ${seconds(left)} left`;
      const line = `${name} ${done}/${total}${eta}: ${message}`;
      const isResult = name === 'plans' && / only$/.test(message);
      if (live) screen.write(`\r\x1b[K${isResult ? `${message}\n` : line}`);
      else if (isResult || name === 'plans') screen.write(`${line}\n`);
    },
    close() {
      if (live) screen.write('\r\x1b[K');
    },
  };
}

/** Rows as aligned text; the first row names the columns. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>(
    (all, row) => row.map((cell, i) => Math.max(all[i] ?? 0, cell.length)),
    [],
  );
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
