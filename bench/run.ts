// `npm run bench -- <name> [words] [--json]`: runs one benchmark, prints its table and whether its bars hold.

import { readdirSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Report } from './bars.ts';

/** What each file beside this one exports. */
interface Benchmark {
  /** @param words What else was typed: its first comment says what it understands. */
  run(words: readonly string[]): Promise<Report>;
}

const own = ['run.ts', 'bars.ts'];

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && !own.includes(file))
  .map((file) => file.slice(0, -3))
  .sort();

const path = (name: string) => `${import.meta.dirname}/${name}.ts`;

/** The question that a benchmark answers: its file's first comment. */
const question = (name: string) => /^\/\/ (.*)$/m.exec(readFileSync(path(name), 'utf8'))?.[1] ?? '';

const json = process.argv.includes('--json');
const typed = process.argv.slice(2).filter((word) => word !== '--json');
const name = typed.find((word) => !word.startsWith('--'));

if (name === undefined || !names.includes(name)) {
  if (name !== undefined) console.error(`There is no benchmark ${name}.\n`);
  console.log('npm run bench -- <name> [words] [--json]\n');
  for (const each of names) console.log(`  ${each.padEnd(12)} ${question(each)}`);
  process.exit(name === undefined ? 0 : 1);
}

console.log(question(name));
// Every file in this folder exports a benchmark; without `run` the next line is a TypeError.
const benchmark = (await import(pathToFileURL(path(name)).href)) as Benchmark;
const { rows, bars } = await benchmark.run(typed.filter((word) => word !== name));
console.table(rows);
for (const bar of bars)
  console.log(`${bar.holds ? 'holds' : 'FAILS'}  ${bar.name}: ${bar.value} (want ${bar.want})`);
if (json) console.log(JSON.stringify({ rows, bars }));
// Workers that an engine under comparison leaves running do not keep the process.
process.exit(0);
