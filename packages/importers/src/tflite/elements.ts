// Element types of TFLite tensors, and the elements of constants.

import { allocate, elementCount, type Location, type Tensor, type TensorData } from '@espalier/ir';
import { badModel, modelTooLarge, unsupportedType } from '../errors.ts';
import { type ElementType, elementTypes } from '../onnx/element-types.ts';
import { TensorProto_DataType as Onnx } from '../onnx/proto/onnx_pb.ts';
import type { DeclaredTensor } from './read.ts';
import { densify, storedCount } from './sparsity.ts';

/** Types that both formats have, by TFLite's number. */
const types: ReadonlyMap<number, ElementType> = new Map(
  (
    [
      [0, Onnx.FLOAT],
      [1, Onnx.FLOAT16],
      [2, Onnx.INT32],
      [3, Onnx.UINT8],
      [4, Onnx.INT64],
      [5, Onnx.STRING],
      [6, Onnx.BOOL],
      [7, Onnx.INT16],
      [9, Onnx.INT8],
      [10, Onnx.DOUBLE],
      [12, Onnx.UINT64],
      [15, Onnx.UINT32],
      [16, Onnx.UINT16],
      [17, Onnx.INT4],
      [18, Onnx.BFLOAT16],
    ] as const
  ).flatMap(([own, onnx]) => {
    const type = elementTypes.get(onnx);
    return type ? [[own, type]] : [];
  }),
);

/** An element type whose values the graph can hold. */
export type Held = ElementType & Required<Pick<ElementType, 'dtype' | 'unpack'>>;

/** The type of a tensor's elements. @throws {EspalierError} UNSUPPORTED_TYPE */
export function elementOf({ element, name }: DeclaredTensor, at: Location): Held {
  const type = types.get(element);
  if (type?.dtype === undefined || type.unpack === undefined)
    throw unsupportedType(`tensor ${name} holds ${type?.name ?? `type ${element}`}`, at);
  return type as Held; // both have just been checked
}

/** Decodes constants. */
export interface Decoder {
  /** The elements of a constant, codes as they are. @throws {EspalierError} BAD_MODEL, UNSUPPORTED_TYPE */
  decode(tensor: DeclaredTensor & { readonly bytes: Uint8Array }, at: Location): Tensor;
}

/** A decoder for a file of so many bytes: what many tensors share is decoded once. */
export function createDecoder(fileBytes: number): Decoder {
  const decoded = new Map<Uint8Array, Map<number, TensorData>>();
  // Half a byte an element at least, sound files share next to nothing, and of pruned weights few are left out.
  let left = Math.max(2 * fileBytes, Math.min(16 * fileBytes, 2 ** 27)) + 2 ** 22;
  return {
    decode(tensor, at) {
      const { bytes, shape, element } = tensor;
      const type = elementOf(tensor, at);
      const make = () => {
        const count = elementCount(shape);
        const stored = tensor.sparsity
          ? storedCount(tensor.sparsity, shape, 2 * bytes.length, at)
          : count;
        const needed = Math.ceil((stored * type.bits) / 8);
        if (bytes.length !== needed)
          throw badModel(`tensor ${tensor.name} has ${bytes.length} bytes for ${needed}`, at);
        left -= count;
        if (left < 0) throw modelTooLarge('many tensors share their elements', at);
        const data = unpack(bytes, type, stored);
        if (saturates(bytes, type))
          throw unsupportedType(`tensor ${tensor.name} has integers beyond 32 bits`, at);
        return tensor.sparsity
          ? densify(tensor.sparsity, data, { dtype: type.dtype, shape }, at)
          : data;
      };
      const known = decoded.get(bytes) ?? new Map<number, TensorData>();
      decoded.set(bytes, known);
      const shared = known.get(element);
      const fits = shared?.length === elementCount(shape) && !tensor.sparsity;
      const data = fits ? shared : make();
      if (!tensor.sparsity) known.set(element, data);
      return { type: { dtype: type.dtype, shape }, data };
    },
  };
}

function unpack(bytes: Uint8Array, type: Held, count: number): TensorData {
  // A copy, so that the file's bytes can go.
  if (type.name === 'float32') return new Float32Array(new Uint8Array(bytes).buffer);
  const data = allocate({ dtype: type.dtype, shape: [count] });
  type.unpack(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), data);
  return data;
}

/** Whether integers of 64 bits, or without a sign, are beyond what 32 bits hold. */
function saturates(bytes: Uint8Array, { name }: Held): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const width = name === 'uint32' ? 4 : 8;
  if (name !== 'uint32' && name !== 'int64' && name !== 'uint64') return false;
  for (let at = 0; at < bytes.length; at += width) {
    const value = width === 4 ? BigInt(view.getUint32(at, true)) : view.getBigInt64(at, true);
    if (value > 0x7fffffffn || value < -0x80000000n) return true;
  }
  return false;
}
