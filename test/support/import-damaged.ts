// Imports damaged copies of model files, as a process of its own; prints a line for every copy.

import { readFileSync } from 'node:fs';
import { importOnnx, readOnnx } from '@espalier/importers';
import { EspalierError, verify } from '@espalier/ir';
import { damage, seeded, structureOf } from './hostile.ts';
import { renumber } from './renumber.ts';

const [count, seed, ...files] = process.argv.slice(2);

/** The bytes of all weights of a file. */
const weightsOf = (bytes: Uint8Array): Uint8Array[] =>
  readOnnx(bytes, { file: 'whole' }).graph.initializer.map(({ rawData }) => rawData);

const models = files.map((file) => {
  const bytes = new Uint8Array(readFileSync(file));
  return { file, bytes, spans: structureOf(bytes, weightsOf(bytes)) };
});

const random = seeded(Number(seed));
for (let i = 0; i < Number(count); i++) {
  const { file, bytes, spans } = models[i % models.length]!;
  // One in four is a sound file of an absurd model.
  const {
    kind,
    at,
    bytes: damaged,
  } = random() < 0.25
    ? { kind: 'renumber', at: 0, bytes: renumber(bytes, random) }
    : damage(bytes, spans, random);
  const began = performance.now();
  let outcome = 'imported';
  try {
    // Skeletons have no weights: lazily cleared memory stands in for them.
    const fill = (_: string, dims: readonly number[]) =>
      new Float32Array(dims.reduce((n, dim) => n * dim, 1));
    // One of the models branches on a number.
    const silero = file.includes('silero');
    const values = silero ? { sr: 16000 } : {};
    const shapes = silero ? { input: [1, 576], state: [2, 1, 128] } : {};
    verify(importOnnx(damaged, { file, fill, values, shapes }));
  } catch (error) {
    outcome = error instanceof EspalierError ? error.code : `crashed: ${(error as Error).stack}`;
  }
  const ms = performance.now() - began;
  process.stdout.write(`${JSON.stringify({ i, file, kind, at, outcome, ms })}\n`);
}
process.stdout.write(`${JSON.stringify({ maxKiB: process.resourceUsage().maxRSS })}\n`);
