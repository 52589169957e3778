// Builds a model from its file, as a process of its own: prints how long it took, and the memory.

import { buildModel } from '../../packages/espalier/src/build.ts';
import { parseDirectives } from '../../packages/espalier/src/directives.ts';

const [file = ''] = process.argv.slice(2);
const began = performance.now();
const { weights } = await buildModel(file, parseDirectives(''), undefined);
console.log(
  JSON.stringify({
    ms: performance.now() - began,
    maxKiB: process.resourceUsage().maxRSS,
    weightBytes: weights.bytes.length,
  }),
);
