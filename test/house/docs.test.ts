// Written pages are fresh, and error codes are what the house wants them to be.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { errorCodes } from '../../scripts/docs/errors-page.ts';
import { pages } from '../../scripts/docs/pages.ts';
import { root, sourcesBelow } from '../support/sources.ts';

t.test('pages written from records are fresh', async (t) => {
  for (const [path, write] of Object.entries(pages)) {
    const stored = existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : '';
    t.equal(stored, write(), `${path} is what npm run docs writes`);
  }
});

t.test('error codes are unique, loud and explained', async (t) => {
  const codes = errorCodes();
  t.ok(codes.length > 10, `${codes.length} codes are looked at`);
  for (const { code, room, meaning } of codes) {
    t.match(code, /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/, `${code} is upper case with underscores`);
    t.not(meaning, '', `${code} says what it means`);
    const rooms = codes.filter((other) => other.code === code).map((other) => other.room);
    t.same(rooms, [room], `${code} has one maker`);
  }
});

t.test('errors with a code are made in errors.ts', async (t) => {
  const strays = sourcesBelow('packages')
    .filter(({ path }) => !path.endsWith('/errors.ts'))
    .filter(({ text }) => /new EspalierError\(\s*['"`]/.test(text))
    .map(({ path }) => path);
  t.same(strays, [], 'no other file makes one');
});
