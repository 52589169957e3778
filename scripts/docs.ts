// `npm run docs`: writes the pages of docs/ that are tables of records. A test compares them.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pages } from './docs/pages.ts';

const root = join(import.meta.dirname, '..');
for (const [path, write] of Object.entries(pages)) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), write());
  console.log(path);
}
