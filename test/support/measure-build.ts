// Imports, optimises and compiles a model, as a process of its own: prints how long it took, and the memory.

import { readFileSync } from 'node:fs';
import { compile } from '@espalier/compiler';
import { importOnnx } from '@espalier/importers';

const [file = ''] = process.argv.slice(2);
const baseKiB = process.resourceUsage().maxRSS;
const began = performance.now();
const graph = importOnnx(readFileSync(file), { file });
const imported = performance.now();
const { weights } = compile(graph);
const done = performance.now();
console.log(
  JSON.stringify({
    importMs: imported - began,
    compileMs: done - imported,
    baseKiB,
    maxKiB: process.resourceUsage().maxRSS,
    weightBytes: weights.length,
  }),
);
