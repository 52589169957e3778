// The runtime as JavaScript that every bundler can read.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { replaceFile } from './cache.ts';

/** The folder of the runtime that is in use, and whether it is built. */
function runtimeFolder(): { readonly folder: string; readonly built: boolean } {
  const entry = fileURLToPath(import.meta.resolve('@espalier/runtime'));
  return { folder: dirname(entry), built: extname(entry) === '.js' };
}

/** The runtime's modules by name, `index.js` first among equals; they import each other only. */
export async function runtimeFiles(): Promise<Readonly<Record<string, string>>> {
  const { folder, built } = runtimeFolder();
  const names = (await readdir(folder)).filter((name) => /(?<!\.d)\.(js|ts)$/.test(name)).sort();
  const files = await Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(folder, name), 'utf8');
      const code = built ? text.replace(/^\/\/# sourceMappingURL=.*$/m, '') : await strip(text);
      return [name.replace(/\.ts$/, '.js'), code] as const;
    }),
  );
  // A module of types alone has no code and is never imported.
  return Object.fromEntries(files.filter(([, code]) => !/^\s*export \{\};\s*$/.test(code)));
}

/**
 * The script of helping threads. It is shipped as it is, a classic script, since that is what all engines
 * and bundlers take: it imports nothing, and the mark of a module goes.
 */
export async function threadScript(): Promise<string> {
  const { 'thread.js': code = '' } = await runtimeFiles();
  return code.replace(/^export \{\};\s*$/m, '');
}

/** The declarations of the runtime's modules by name, for a copy that stands alone. */
export async function runtimeTypes(): Promise<Readonly<Record<string, string>>> {
  const { folder, built } = runtimeFolder();
  const names = (await readdir(folder)).filter((name) => /\.ts$/.test(name)).sort();
  const files = names.map(async (name) => {
    const text = await readFile(join(folder, name), 'utf8');
    return built
      ? ([name, text.replace(/^\/\/# sourceMappingURL=.*$/m, '')] as const)
      : ([name.replace(/\.ts$/, '.d.ts'), await declare(text)] as const);
  });
  return Object.fromEntries(await Promise.all(files));
}

/**
 * The path of the runtime's entry. Where the packages run from their sources, it is a copy without
 * types in `folder`, since not every bundler reads TypeScript.
 */
export async function runtimeEntry(folder: string): Promise<string> {
  const source = runtimeFolder();
  if (source.built) return join(source.folder, 'index.js');
  const files = { 'package.json': '{ "type": "module" }\n', ...(await runtimeFiles()) };
  const hash = createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 16);
  const copy = join(folder, `runtime-${hash}`);
  await mkdir(copy, { recursive: true });
  for (const [name, text] of Object.entries(files))
    if (!existsSync(join(copy, name))) await replaceFile(join(copy, name), text);
  return join(copy, 'index.js');
}

/** Removes types. Only repositories run sources, and these have a TypeScript. */
export async function strip(text: string): Promise<string> {
  const { default: ts } = await import('typescript');
  const compilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    rewriteRelativeImportExtensions: true,
    verbatimModuleSyntax: true,
    removeComments: false,
  };
  return ts.transpileModule(text, { compilerOptions }).outputText;
}

/** Keeps types only. */
async function declare(text: string): Promise<string> {
  const { default: ts } = await import('typescript');
  return ts.transpileDeclaration(text, { compilerOptions: { isolatedDeclarations: true } })
    .outputText;
}
