// `npm test [kind] [-- files and options of tap]`: installs what is missing, then runs tests.
// No dependencies.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureChromium } from './chromium.mjs';
import { bin, install } from './install.mjs';

/** The kinds that need more than Node; all other folders are unit tests. */
const kinds = ['bundlers', 'browser'];

const [first, ...rest] = process.argv.slice(2);
const kind = first === 'unit' || kinds.includes(first) ? first : undefined;
const args = kind ? rest : process.argv.slice(2);
const named = args.filter((arg) => arg.endsWith('.ts'));
const options = args.filter((arg) => !named.includes(arg));

const testFolder = join(import.meta.dirname, '../test');
const folders = readdirSync(testFolder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .filter((name) => {
    if (!kind) return true;
    return kind === 'unit' ? !kinds.includes(name) : name === kind;
  });
const found = folders.flatMap((folder) =>
  readdirSync(join(testFolder, folder), { recursive: true })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => join('test', folder, file)),
);
const files = named.length > 0 ? named : found;

install();
if (files.some((file) => kinds.some((browser) => file.startsWith(join('test', browser)))))
  ensureChromium();
if (files.length === 0) {
  console.error(`There are no ${kind} tests.`);
  process.exit(1);
}
process.exit(bin('tap/dist/esm/run.mjs', [...files, ...options]));
