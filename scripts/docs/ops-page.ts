// The ops of the graph, out of their records.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compositions, ops, scalars } from '@espalier/ir';
import ts from 'typescript';
import { describe, table } from './markdown.ts';

const folder = join(import.meta.dirname, '../../packages/ir/src/ops');

/** Docstrings of the exported constants of a folder, by name. */
function docstrings(): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of readdirSync(folder)) {
    const text = readFileSync(join(folder, file), 'utf8');
    const tree = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
    for (const statement of tree.statements.filter(ts.isVariableStatement))
      for (const { name } of statement.declarationList.declarations)
        found.set(name.getText(tree), describe(statement));
  }
  return found;
}

/** The text of docs/ops.md. */
export function opsPage(): string {
  const meanings = docstrings();
  const rows = Object.values(ops).map(({ name, arity, gradient }) => [
    `\`${name}\``,
    Object.hasOwn(compositions, name) ? 'composition' : 'primitive',
    String(arity),
    gradient === 'none' ? '–' : 'yes',
    meanings.get(name) ?? '',
  ]);
  return [
    '# Ops',
    '',
    'The vocabulary of the graph. A *primitive* has a kernel in every target; a *composition* is made of',
    'others and never reaches one. This page is written from the records by `npm run docs`.',
    '',
    ...table(['op', 'kind', 'operands', 'gradient', 'what it does'], rows),
    '',
    '## Scalar functions',
    '',
    'What the expression of a `map`, and of an epilogue, is made of:',
    `${Object.keys(scalars)
      .map((name) => `\`${name}\``)
      .join(', ')}.`,
    '',
  ].join('\n');
}
