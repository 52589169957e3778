// The TFLite operators that can be imported, out of their importers.

import { importedTfliteOps } from '@espalier/importers';
import { table } from './markdown.ts';

/** The text of docs/tflite.md. */
export function tflitePage(): string {
  const rows = (custom: boolean) =>
    importedTfliteOps
      .filter((op) => op.custom === custom)
      .map(({ operator, note }) => [`\`${operator}\``, note]);
  return [
    '# TFLite operators',
    '',
    'What `net.tflite` may be made of. `espalier inspect net.tflite` shows what becomes of each operator of a model: compiled, made of',
    'others, known at import, or refused, with the reason. This page is written from the importers by `npm run docs`.',
    '',
    'Ports have the names of the tensors and keep their layout: images are `[N, H, W, C]`. Extents that the model leaves open (`-1` in a',
    'shape signature) are closed by `?shape=`. Weights in float16, in int8 with scales, or with their zeros left out are decoded at import.',
    'The first graph of a file is imported; operators that run others (`IF`, `WHILE`, `CALL_ONCE`) are refused.',
    '',
    '## Quantised models',
    '',
    'Ports of quantised tensors take and give codes, as `i32`: 0 to 255 for uint8, -128 to 127 for int8. Inside, codes are computed in',
    'f32. Convolutions and fully connected layers multiply codes by codes, so that their sums are whole numbers, exact up to 2^24; one',
    'factor a channel and one rounding, halves to even, give the codes of the result. What moves or compares elements leaves codes as',
    'they are. Everything else is computed on what the codes stand for, and rounded to codes again. TensorFlow Lite itself rounds',
    'differently in places; each operator stays within one code of it.',
    '',
    'Layers of floats whose weights alone are quantised are computed in floats.',
    '',
    '## Operators',
    '',
    ...table(['operator', ''], rows(false)),
    '',
    '## Custom operators',
    '',
    ...table(['operator', ''], rows(true)),
    '',
  ].join('\n');
}
