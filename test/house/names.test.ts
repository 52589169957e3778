// How files, records and exports are named and introduced, over all of them.

import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import ts from 'typescript';
import { filesBelow, manifests, root, type Source, sourcesBelow } from '../support/sources.ts';

const ours = manifests().flatMap(({ folder }) => sourcesBelow(`packages/${folder}/src`));
const generated = ({ path }: Source) => path.endsWith('_pb.ts');
const written = ours.filter((source) => !generated(source));
const paths = (sources: readonly Source[]) => sources.map(({ path }) => path);

t.test('files are named in kebab case', async (t) => {
  const folders = ['bench', 'scripts', 'test', 'fixtures'];
  const all = [...paths(written), ...folders.flatMap(filesBelow)];
  const names = all.filter((path) => /\.(ts|mjs|js)$/.test(path));
  t.same(
    names.filter((path) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)+$/.test(basename(path))),
    [],
    'every name is lower case, with hyphens',
  );
});

t.test('files open with a line that says what they are for', async (t) => {
  const folders = ['bench', 'scripts', 'test/support'];
  const all = [...written, ...folders.flatMap(sourcesBelow)];
  t.ok(all.length > 50, `${all.length} files are looked at`);
  const silent = all.filter(({ text }) => !/^(#!.*\n)?\/\/ \S+ .*\S/.test(text));
  t.same(paths(silent), [], 'every file has its line');
});

t.test('files hold one idea', async (t) => {
  const long = written.filter(({ text }) => text.split('\n').length > 400);
  t.same(paths(long), [], 'no file is longer than 400 lines');
});

t.test('packages export by name', async (t) => {
  const defaults = written.filter(
    ({ path, tree }) =>
      !path.startsWith('packages/espalier/src/bundlers/') &&
      tree.statements.some(
        (statement) =>
          (ts.isExportAssignment(statement) && !statement.isExportEquals) ||
          (ts.canHaveModifiers(statement) &&
            ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword)),
      ),
  );
  t.same(paths(defaults), [], 'only the entries for bundlers have a default export');
});

t.test('exported functions and classes have docstrings', async (t) => {
  const bare = written.flatMap(({ path, tree }) =>
    tree.statements
      .filter(
        (statement) =>
          ts.canHaveModifiers(statement) &&
          ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword),
      )
      .filter(isCode)
      .filter((statement, i, all) => !isDocumented(statement) && !isOverload(statement, all[i - 1]))
      .map((statement) => `${path}: ${statement.getText(tree).split('\n')[0]}`),
  );
  t.same(bare, [], 'every export says what it is');
});

t.test('records of a table are named as their keys', async (t) => {
  let records = 0;
  for (const { path } of written.filter((source) => basename(source.path) === 'index.ts')) {
    // A module's exports are looked at as data, whatever they are.
    const module = (await import(pathToFileURL(join(root, path)).href)) as Record<string, unknown>;
    for (const [table, value] of Object.entries(module))
      for (const [key, record] of entriesOf(value)) {
        const name = nameOf(record);
        if (name === undefined) continue;
        records++;
        t.ok(name === key || name === kebab(key), `${path}: ${table}.${key} is named ${name}`);
      }
  }
  t.ok(records > 20, `${records} records are looked at`);
});

/** Records and their types explain themselves field by field; functions and classes cannot. */
const isCode = (node: ts.Node) =>
  ts.isFunctionDeclaration(node) ||
  ts.isClassDeclaration(node) ||
  (ts.isVariableStatement(node) &&
    node.declarationList.declarations.some(
      ({ initializer }) => initializer !== undefined && ts.isArrowFunction(initializer),
    ));

const isDocumented = (node: ts.Node) =>
  ts.getJSDocCommentsAndTags(node).some((doc) => ts.isJSDoc(doc));

/** Whether a function continues the overloads of the one before it, which has the docstring. */
const isOverload = (node: ts.Node, before: ts.Node | undefined) =>
  before !== undefined &&
  ts.isFunctionDeclaration(node) &&
  ts.isFunctionDeclaration(before) &&
  node.name?.text === before.name?.text;

const entriesOf = (value: unknown): [string, unknown][] =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
    ? Object.entries(value)
    : [];

const nameOf = (record: unknown): string | undefined =>
  typeof record === 'object' &&
  record !== null &&
  'name' in record &&
  typeof record.name === 'string'
    ? record.name
    : undefined;

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
