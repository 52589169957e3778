// Runs ONNX models in ONNX Runtime, the oracle that is independent of this project.

import type { Tensor } from '@espalier/ir';
import ort from 'onnxruntime-node';

const toOrt = ({ type, data }: Tensor, wants: string): ort.Tensor => {
  if (wants === 'int64') {
    const wide = BigInt64Array.from(data as Int32Array, BigInt);
    return new ort.Tensor('int64', wide, type.shape);
  }
  if (wants === 'uint8') return new ort.Tensor('uint8', Uint8Array.from(data), type.shape);
  if (wants === 'int8') return new ort.Tensor('int8', Int8Array.from(data), type.shape);
  const names = { f32: 'float32', i32: 'int32', bool: 'bool', u8: 'uint8' } as const;
  return new ort.Tensor(names[type.dtype], data as Float32Array, type.shape);
};

/** An array of ONNX Runtime as one of the graph's types. */
function fromOrt({ type, dims, data }: ort.Tensor): Tensor {
  const shape = [...dims];
  if (type === 'float32') return { type: { dtype: 'f32', shape }, data: data as Float32Array };
  if (type === 'bool') return { type: { dtype: 'bool', shape }, data: data as Uint8Array };
  const narrow = Int32Array.from(data as Int32Array | BigInt64Array, Number);
  return { type: { dtype: 'i32', shape }, data: narrow };
}

/** The outputs of a model, by name. */
export async function runOnnx(
  model: Uint8Array,
  inputs: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  const session = await ort.InferenceSession.create(model, {
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
  });
  const wanted = new Map(
    session.inputMetadata.map((input) => [input.name, input.isTensor ? input.type : '']),
  );
  const feeds = Object.fromEntries(
    Object.entries(inputs)
      .filter(([name]) => wanted.has(name))
      .map(([name, tensor]) => [name, toOrt(tensor, wanted.get(name)!)]),
  );
  const results = await session.run(feeds);
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, tensor]) => [name, fromOrt(tensor)]),
  );
}
