// Skeletons as whole ONNX files, for the engines that they are compared with.

import { readFileSync } from 'node:fs';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from '../../packages/importers/src/onnx/proto/onnx_pb.ts';
import type { ModelCase } from './trained-models.ts';

/** The bytes of a case's model, with the weights that its file leaves out. */
export function filledOnnx({ file, fill }: ModelCase): Uint8Array {
  const bytes = readFileSync(file);
  if (!fill) return bytes;
  const model = fromBinary(ModelProtoSchema, bytes);
  for (const tensor of model.graph?.initializer ?? []) {
    if (tensor.rawData.length > 0 || tensor.floatData.length > 0 || tensor.int64Data.length > 0)
      continue;
    const values = fill(tensor.name);
    if (values)
      tensor.rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  }
  return toBinary(ModelProtoSchema, model);
}
