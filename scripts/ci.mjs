// The whole check on a clean clone, ending in one line of counts. No dependencies.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ensureChromium } from './chromium.mjs';
import { bin, install, run } from './install.mjs';

const root = join(import.meta.dirname, '..');
let passed = 0;
let failed = 0;

function check(name, status) {
  if (status === 0) passed++;
  else failed++;
  console.log(`# ${name}: ${status === 0 ? 'passed' : 'FAILED'}`);
}

/**
 * Runs every test with TAP on stdout; tap ends it with a line such as
 * `# { total: 7, pass: 3, fail: 3, skip: 1 }`, which counts assertions and not the subtests around them.
 */
async function test() {
  const tap = join(root, 'node_modules/tap/dist/esm/run.mjs');
  const child = spawn(process.execPath, [tap, '--reporter=tap'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // The end can come before the last lines are read, so it is waited for from the start.
  const ended = new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
  let counts = {};
  for await (const line of createInterface({ input: child.stdout })) {
    console.log(line);
    if (line.startsWith('# {'))
      counts = Object.fromEntries(
        [...line.matchAll(/(\w+): (\d+)/g)].map(([, word, n]) => [word, Number(n)]),
      );
  }
  const status = await ended;
  passed += counts.pass ?? 0;
  failed += counts.fail ?? 0;
  if (counts.skip) console.log(`# ${counts.skip} skipped`);
  // Failed assertions are counted already; a crash, a timeout or an empty run is not.
  check('tests ran to their end', counts.total && (status === 0 || counts.fail) ? 0 : 1);
}

install();
check('Chromium is here', ensureChromium() ? 0 : 1);
check('lint', bin('@biomejs/biome/bin/biome', ['check', '.']));
check('types of the packages', bin('typescript/bin/tsc', ['-b']));
check('types of the tests', bin('typescript/bin/tsc', ['-p', 'test']));
check('nothing is unused', bin('knip/bin/knip.js', []));
check('packages can be published', run(process.execPath, ['scripts/pack.mjs']));
check('the runtime is small', bin('size-limit/bin.js', []));
await test();

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
