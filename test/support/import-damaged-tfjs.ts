// Imports damaged copies of TF.js models, as a process of its own; prints a line for every copy.

import { importTfjs } from '@espalier/importers';
import { EspalierError, verify } from '@espalier/ir';
import { damageTfjs } from './damage-tfjs.ts';
import { seeded } from './hostile.ts';
import { tfjsFile } from './tfjs-models.ts';

/** The shapes that a refusal proposes: the damage may have given inputs other names. */
const proposedBy = ({ hint = '' }: EspalierError): Record<string, number[]> =>
  Object.fromEntries(
    [...hint.matchAll(/(?:=|,)([^:,=]+):([\dx]+)/g)].map(([, name, extents]) => [
      name!,
      extents!.split('x').map(Number),
    ]),
  );

const [count, seed, ...files] = process.argv.slice(2);
const models = files.map(tfjsFile);
const random = seeded(Number(seed));
for (let i = 0; i < Number(count); i++) {
  const whole = models[i % models.length]!;
  const { kind, model } = damageTfjs(whole, random);
  const began = performance.now();
  let outcome = 'imported';
  const build = (shapes: Record<string, number[]>) =>
    verify(importTfjs(model.bytes(), { file: model.file, external: model.external, shapes }));
  try {
    try {
      build({});
    } catch (error) {
      if (!(error instanceof EspalierError) || error.code !== 'OPEN_SHAPE') throw error;
      build(proposedBy(error));
    }
  } catch (error) {
    outcome = error instanceof EspalierError ? error.code : `crashed: ${(error as Error).stack}`;
  }
  const ms = performance.now() - began;
  process.stdout.write(`${JSON.stringify({ i, file: whole.file, kind, at: 0, outcome, ms })}\n`);
}
process.stdout.write(`${JSON.stringify({ maxKiB: process.resourceUsage().maxRSS })}\n`);
