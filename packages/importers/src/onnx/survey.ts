// What becomes of every operator of an ONNX model.

import { type Survey, survey } from '../survey.ts';
import { flatten } from './flatten.ts';
import { type ImportOptions, importOnnx } from './import.ts';
import { type OnnxModel, readOnnx } from './read.ts';
import { unknownOps } from './unknown-ops.ts';

/**
 * Surveys a model. What the operators refuse is part of the answer; a file that cannot be read is not.
 *
 * @throws {EspalierError} as `importOnnx` does, where no operator is to blame
 */
export function surveyOnnx(source: Uint8Array | OnnxModel, options: ImportOptions): Survey {
  const model = source instanceof Uint8Array ? readOnnx(source, options) : source;
  return survey({
    calls: flatten(model.model, { file: options.file }),
    unknown: (calls) => unknownOps(calls).values(),
    import: (observe) => importOnnx(model, { ...options, observe }),
  });
}
