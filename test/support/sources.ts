// The repository's own sources, as data for house tests.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import ts from 'typescript';

/** The repository's folder. */
export const root = join(import.meta.dirname, '../..');

/** A source file, parsed. */
export interface Source {
  /** From the repository's folder, with `/` between parts. */
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

/** Every TypeScript file below a folder of the repository, but for built and installed ones. */
export const sourcesBelow = (folder: string): Source[] =>
  filesBelow(folder)
    .filter((path) => path.endsWith('.ts'))
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8');
      return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true) };
    });

/** Every file below a folder of the repository, but for built and installed ones. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => !/(^|\/)(node_modules|dist|\.[^/]*)\//.test(path))
    .sort();
}

/** What a `package.json` says that the house cares about. */
export interface Manifest {
  /** Folder below `packages/`. */
  readonly folder: string;
  readonly name: string;
  readonly dependencies: readonly string[];
}

/** The packages of the house, by folder. */
export const manifests = (): Manifest[] =>
  readdirSync(join(root, 'packages'))
    .filter((folder) => existsSync(join(root, 'packages', folder, 'package.json')))
    .map((folder) => {
      const path = join(root, 'packages', folder, 'package.json');
      // npm has read the file already: it is a manifest.
      const json = JSON.parse(readFileSync(path, 'utf8')) as {
        readonly name: string;
        readonly dependencies?: Readonly<Record<string, string>>;
        readonly peerDependencies?: Readonly<Record<string, string>>;
      };
      const dependencies = Object.keys({ ...json.dependencies, ...json.peerDependencies });
      return { folder, name: json.name, dependencies };
    });

/** One import or re-export of a file. */
export interface Import {
  readonly from: string;
  /** Whether nothing of it is left at run time. */
  readonly typeOnly: boolean;
}

/** What a file imports, dynamic imports of literal names included. */
export function importsOf({ tree }: Source): Import[] {
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const bindings = node.importClause?.namedBindings;
      const everyName =
        bindings !== undefined &&
        ts.isNamedImports(bindings) &&
        node.importClause?.name === undefined &&
        bindings.elements.every(({ isTypeOnly }) => isTypeOnly);
      const typeOnly = node.importClause?.isTypeOnly === true || everyName;
      found.push({ from: node.moduleSpecifier.text, typeOnly });
    } else if (
      ts.isExportDeclaration(node) &&
      node.moduleSpecifier &&
      ts.isStringLiteral(node.moduleSpecifier)
    )
      found.push({ from: node.moduleSpecifier.text, typeOnly: node.isTypeOnly });
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [name] = node.arguments;
      if (name && ts.isStringLiteral(name)) found.push({ from: name.text, typeOnly: false });
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

/** The package that a bare import names: `@scope/name` or `name`. */
export const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
