// Runs a script that imports damaged models, as a process of its own, and watches it.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Test } from 'tap';

/** What became of one damaged model. */
export interface Line {
  readonly i: number;
  readonly file: string;
  readonly kind: string;
  readonly at: number;
  readonly outcome: string;
  readonly ms: number;
}

/** Every model's line, and the most memory that the process had. */
export interface Damages {
  readonly lines: readonly Line[];
  readonly maxKiB: number;
}

/** Milliseconds that a model may take; a hang is a line that does not come in four times that. */
const mostMs = 5000;

/** Damages files `count` times with a script of this folder. */
export async function runDamaged(
  script: string,
  count: number,
  files: readonly string[],
): Promise<Damages> {
  const path = join(import.meta.dirname, script);
  const args = ['--import=tsx', '--conditions=espalier-source', path, `${count}`, '1', ...files];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const hung = () => child.kill('SIGKILL');
  let watch = setTimeout(hung, 30_000);
  const lines: (Line & { readonly maxKiB?: number })[] = [];
  for await (const text of createInterface({ input: child.stdout })) {
    clearTimeout(watch);
    watch = setTimeout(hung, 4 * mostMs);
    lines.push(JSON.parse(text) as Line);
  }
  clearTimeout(watch);
  const last = lines.at(-1);
  const ended = last?.maxKiB !== undefined;
  return {
    lines: ended ? lines.slice(0, -1) : lines,
    maxKiB: last?.maxKiB ?? Number.POSITIVE_INFINITY,
  };
}

/** Everything ended, in time, in an error with a code or a graph. */
export function endsWell(t: Test, { lines, maxKiB }: Damages, cases: number) {
  t.equal(lines.length, cases, 'every file was imported or refused');
  const crashed = lines.filter(({ outcome }) => outcome.startsWith('crashed'));
  t.same(crashed, [], 'every failure has a code');
  const slow = lines.filter(({ ms }) => ms > mostMs);
  t.same(slow, [], `every file took less than ${mostMs} ms`);
  t.ok(maxKiB < 2 ** 20, 'memory stayed under 1 GB');
  const outcomes: Record<string, number> = {};
  for (const { outcome } of lines) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  t.comment(JSON.stringify({ outcomes, maxKiB, slowestMs: Math.max(...lines.map((l) => l.ms)) }));
}
