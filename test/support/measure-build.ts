// Builds a model from its file, as a process of its own: prints how long it took, and the memory.

import { readFileSync } from 'node:fs';
import { buildModel } from '../../packages/espalier/src/build.ts';
import { parseDirectives } from '../../packages/espalier/src/directives.ts';

/** The most memory that was resident. Linux counts what the parent had in `maxRSS`; its own record does not. */
function mostKiB(): number {
  const { maxRSS } = process.resourceUsage();
  if (process.platform !== 'linux') return maxRSS;
  const own = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return own === undefined ? maxRSS : Number(own);
}

const [file = ''] = process.argv.slice(2);
const began = performance.now();
const { weights } = await buildModel(file, parseDirectives(''), undefined);
console.log(
  JSON.stringify({
    ms: performance.now() - began,
    maxKiB: mostKiB(),
    weightBytes: weights.bytes.length,
  }),
);
