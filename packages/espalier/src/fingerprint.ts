// Which compiler this is: results of another one are not reused.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packages = [
  '@espalier/runtime',
  '@espalier/ir',
  '@espalier/importers',
  '@espalier/sparsity',
  '@espalier/compiler',
  '@espalier/search',
];

let known: string | undefined;

/**
 * A digest over the code of all packages that take part in a build. Versions alone would not do:
 * they stay the same while the packages are worked on.
 */
export function fingerprint(): string {
  if (known) return known;
  const hash = createHash('sha256');
  const entries = [...packages.map((name) => import.meta.resolve(name)), import.meta.url];
  for (const entry of entries) {
    const folder = dirname(fileURLToPath(entry));
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
    for (const file of files.filter((name) => /(?<!\.d)\.(js|ts)$/.test(name))) {
      hash.update(file.replaceAll('\\', '/'));
      hash.update(readFileSync(join(folder, file)));
    }
  }
  known = hash.digest('hex');
  return known;
}
