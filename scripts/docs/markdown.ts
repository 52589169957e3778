// Small pieces of Markdown.

import ts from 'typescript';

/** Lines of a table. Bars within cells are escaped. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string[] =>
  [head, head.map(() => '---'), ...rows].map(
    (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`,
  );

/** The docstring of a declaration, on one line and without tags. */
export function describe(node: ts.Node): string {
  const docs = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  const text = ts.getTextOfJSDocComment(docs.at(-1)?.comment) ?? '';
  return text.replace(/\s+/g, ' ').trim();
}
