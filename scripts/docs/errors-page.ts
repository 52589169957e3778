// The codes of every error, out of each package's makers.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, table } from './markdown.ts';

const packages = join(import.meta.dirname, '../../packages');

/** A code and what it means: its maker's docstring. */
export interface ErrorCode {
  readonly code: string;
  /** Folder of the package below `packages/`. */
  readonly room: string;
  readonly meaning: string;
}

/** Every code that a package's `errors.ts` makes, in the order of the alphabet. */
export function errorCodes(): ErrorCode[] {
  const codes: ErrorCode[] = [];
  for (const room of readdirSync(packages).sort()) {
    const path = join(packages, room, 'src/errors.ts');
    if (!existsSync(path)) continue;
    const text = readFileSync(path, 'utf8');
    const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
    for (const statement of tree.statements)
      for (const code of codesIn(statement))
        codes.push({ code, room, meaning: describe(statement) });
  }
  return codes.sort((a, b) => (a.code < b.code ? -1 : 1));
}

/** The literals given to `new …Error('CODE', …)`. */
function codesIn(node: ts.Node): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isNewExpression(node) && node.expression.getText().endsWith('EspalierError')) {
      const [code] = node.arguments ?? [];
      if (code && ts.isStringLiteral(code)) found.push(code.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(node);
  return found;
}

/** The text of docs/errors.md. */
export const errorsPage = (): string =>
  [
    '# Errors',
    '',
    'Every failure that a user can cause is an `EspalierError` with a `code`, a `message`, often a',
    'place (`at.file`, `at.node`), a `hint` with the next step, and the `cause`.',
    'This page is written from the sources by `npm run docs`.',
    '',
    ...table(
      ['code', 'made by', 'meaning'],
      errorCodes().map(({ code, room, meaning }) => [`\`${code}\``, room, meaning]),
    ),
    '',
  ].join('\n');
