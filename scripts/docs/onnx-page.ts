// The ONNX operators that can be imported, out of their importers.

import { importedOps } from '@espalier/importers';
import { table } from './markdown.ts';

/** The text of docs/onnx.md. */
export function onnxPage(): string {
  const rows = (domain: string) =>
    importedOps
      .filter((op) => op.domain === domain)
      .map(({ operator, since, note }) => [`\`${operator}\``, `${since}`, note]);
  const head = ['operator', 'from opset', ''];
  return [
    '# ONNX operators',
    '',
    'What `net.onnx` may be made of. `espalier inspect net.onnx` shows what becomes of each operator of a model: compiled, made of',
    'others, known at import, or refused, with the reason. This page is written from the importers by `npm run docs`.',
    '',
    'Shapes are static: what decides them, such as the target of a Reshape or the number of a TopK, has to be known at import.',
    'float16, bfloat16 and float64 are computed in f32; integers up to 32 bits, and int64 values that fit, in i32; the rest is',
    'refused. A `Cast` to float16 or bfloat16 rounds.',
    '',
    "## ONNX's own domain",
    '',
    ...table(head, rows('')),
    '',
    '## ai.onnx.ml',
    '',
    ...table(head, rows('ai.onnx.ml')),
    '',
    '## com.microsoft',
    '',
    ...table(head, rows('com.microsoft')),
    '',
  ].join('\n');
}
