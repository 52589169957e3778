// `npm start`: installs what is missing, builds the packages and serves the demo. No dependencies.
// With `-- --once` the demo is built and nothing is served.

import { bin, install, run } from './install.mjs';

install();
const status = bin('typescript/bin/tsc', ['-b']);
if (status !== 0) process.exit(status);
process.exit(
  run(process.execPath, [
    '--import=tsx',
    '--conditions=espalier-source',
    'fixtures/apps/text/start.ts',
    ...process.argv.slice(2),
  ]),
);
