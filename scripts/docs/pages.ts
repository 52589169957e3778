// The pages that are written from records.

import { devicesPage } from './devices-page.ts';
import { errorsPage } from './errors-page.ts';
import { onnxPage } from './onnx-page.ts';
import { opsPage } from './ops-page.ts';
import { schemesPage } from './schemes-page.ts';
import { tfjsPage } from './tfjs-page.ts';
import { tflitePage } from './tflite-page.ts';

/** Text of each written page, by its path in the repository. */
export const pages: Readonly<Record<string, () => string>> = {
  'docs/devices.md': devicesPage,
  'docs/errors.md': errorsPage,
  'docs/onnx.md': onnxPage,
  'docs/ops.md': opsPage,
  'docs/schemes.md': schemesPage,
  'docs/tfjs.md': tfjsPage,
  'docs/tflite.md': tflitePage,
};
