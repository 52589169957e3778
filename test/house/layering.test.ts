// The packages depend on each other in the one order that ARCHITECTURE.md gives.

import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, posix } from 'node:path';
import t from 'tap';
import { importsOf, manifests, packageOf, root, sourcesBelow } from '../support/sources.ts';

/** Rows such as ``| 4 | `@espalier/compiler` | runtime (types), ir | … |``. */
const rows = [
  ...readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8').matchAll(
    /^\| \d+ \| `([^`]+)` \| ([^|]+) \|/gm,
  ),
].map(([, name, imports]) => ({
  name: name!,
  imports: imports!
    .split(',')
    .map((word) => /^(\S+)(?: \((\w+)\))?$/.exec(word.trim()))
    .flatMap((found) => (found ? [{ name: `@espalier/${found[1]}`, only: found[2] }] : []))
    .filter((found) => found.name !== '@espalier/–'),
}));

const order = rows.map(({ name }) => name);
const packages = manifests();

t.test('every package has a row in ARCHITECTURE.md', async (t) => {
  t.same(packages.map(({ name }) => name).sort(), [...order].sort(), 'rows and packages');
});

t.test('a package depends on packages above it only', async (t) => {
  for (const { name, dependencies } of packages)
    for (const other of dependencies.filter((each) => order.includes(each)))
      t.ok(order.indexOf(other) < order.indexOf(name), `${other} is above ${name}`);
});

t.test('a package depends on the packages that its row names', async (t) => {
  for (const { name, dependencies } of packages)
    t.same(
      dependencies.filter((each) => order.includes(each)).sort(),
      rows
        .find((row) => row.name === name)
        ?.imports.map((each) => each.name)
        .sort(),
      `the row of ${name} and its package.json agree`,
    );
});

t.test('sources import what their package.json names', async (t) => {
  for (const { folder, name, dependencies } of packages) {
    const foreign = sourcesBelow(`packages/${folder}/src`).flatMap((source) =>
      importsOf(source)
        .filter(({ from }) => !from.startsWith('.') && !isBuiltin(from))
        .filter(({ from }) => ![name, ...dependencies].includes(packageOf(from)))
        .map(({ from }) => `${source.path} imports ${from}`),
    );
    t.same(foreign, [], `${name} imports declared packages only`);
  }
});

t.test('where a row says (types), nothing is left at run time', async (t) => {
  for (const { name, imports } of rows)
    for (const { name: other } of imports.filter(({ only }) => only === 'types')) {
      const folder = packages.find((each) => each.name === name)!.folder;
      const real = sourcesBelow(`packages/${folder}/src`)
        .filter((source) =>
          importsOf(source).some(({ from, typeOnly }) => packageOf(from) === other && !typeOnly),
        )
        .map(({ path }) => path);
      t.same(real, [], `${name} imports types of ${other} only`);
    }
});

t.test('what runs in a browser imports no part of Node', async (t) => {
  for (const folder of ['runtime', 'ir']) {
    const builtins = sourcesBelow(`packages/${folder}/src`).flatMap((source) =>
      importsOf(source)
        .filter(({ from, typeOnly }) => isBuiltin(from) && !typeOnly)
        .map(({ from }) => `${source.path} imports ${from}`),
    );
    t.same(builtins, [], `${folder} needs no Node`);
  }
});

t.test('relative imports stay in their package', async (t) => {
  for (const { folder, name } of packages) {
    const home = `packages/${folder}/src/`;
    const strays = sourcesBelow(home).flatMap((source) =>
      importsOf(source)
        .filter(({ from }) => from.startsWith('.'))
        .filter(({ from }) => !posix.join(posix.dirname(source.path), from).startsWith(home))
        .map(({ from }) => `${source.path} imports ${from}`),
    );
    t.same(strays, [], `${name} reaches others by their names`);
  }
});
