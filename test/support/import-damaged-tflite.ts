// Imports damaged copies of TFLite files, as a process of its own; prints a line for every copy.

import { readFileSync } from 'node:fs';
import { importTflite, readTflite } from '@espalier/importers';
import { EspalierError, verify } from '@espalier/ir';
import { damage, type Span, seeded, structureOf } from './hostile.ts';

const [count, seed, ...files] = process.argv.slice(2);

/** The bytes of all weights of a file. */
function weightsOf(bytes: Uint8Array): Uint8Array[] {
  const { subgraphs } = readTflite(bytes, { file: 'whole' });
  return subgraphs.flatMap(({ tensors }) => tensors.flatMap((tensor) => tensor.bytes ?? []));
}

const models = files.map((file) => {
  const bytes = new Uint8Array(readFileSync(file));
  return { file, bytes, spans: structureOf(bytes, weightsOf(bytes)) };
});

/** A number somewhere in the structure becomes a small, a huge or a negative one. */
function renumbered(bytes: Uint8Array, spans: readonly Span[], random: () => number) {
  const [start, end] = spans[Math.floor(random() * spans.length)]!;
  const copy = bytes.slice();
  const last = Math.max(start, end - 4);
  const at = Math.min(last, start + 4 * Math.floor((random() * (end - start)) / 4));
  const choices = [0, 1, 2, -1, 7, 255, 65_536, 2 ** 28, 2 ** 31 - 1, -(2 ** 31)];
  const value = choices[Math.floor(random() * choices.length)]!;
  if (at + 4 <= copy.length) new DataView(copy.buffer).setInt32(at, value, true);
  return { kind: 'renumber', at, bytes: copy };
}

const random = seeded(Number(seed));
for (let i = 0; i < Number(count); i++) {
  const { file, bytes, spans } = models[i % models.length]!;
  const numbers = random() < 0.5;
  const changed = numbers ? renumbered(bytes, spans, random) : damage(bytes, spans, random);
  const began = performance.now();
  let outcome = 'imported';
  try {
    verify(importTflite(changed.bytes, { file }));
  } catch (error) {
    outcome = error instanceof EspalierError ? error.code : `crashed: ${(error as Error).stack}`;
  }
  const { kind, at } = changed;
  const ms = performance.now() - began;
  process.stdout.write(`${JSON.stringify({ i, file, kind, at, outcome, ms })}\n`);
}
process.stdout.write(`${JSON.stringify({ maxKiB: process.resourceUsage().maxRSS })}\n`);
