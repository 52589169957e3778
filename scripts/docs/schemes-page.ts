// The pruning schemes, out of their records.

import { schemes } from '@espalier/sparsity';
import { table } from './markdown.ts';

/** The text of docs/schemes.md. */
export const schemesPage = (): string =>
  [
    '# Pruning schemes',
    '',
    'A scheme says which weights go together. It prunes exactly the asked share of its units, those with the',
    'least total score. The compiler never sees a scheme: it looks at the zeros and finds the blocks of',
    'outputs that share them. This page is written from the records by `npm run docs`.',
    '',
    ...table(
      ['scheme', 'keeps or prunes', 'sizes (default)', 'source'],
      Object.values(schemes).map(({ name, summary, defaults, paper }) => [
        `\`${name}\``,
        summary,
        Object.entries(defaults)
          .map(([size, value]) => `${size} ${value}`)
          .join(', ') || '–',
        paper,
      ]),
    ),
    '',
  ].join('\n');
