// What a value is: element type and shape, known before anything runs.

/**
 * Element types of the graph. Whatever a model file uses is computed in one of these, or refused; `u8` are the
 * codes of quantised values, which only the compiler makes.
 */
export type DType = 'f32' | 'i32' | 'bool' | 'u8';

/** Extents of a tensor, outermost first. Every extent is known; 0 is legal and means no elements. */
export type Shape = readonly number[];

/** The static type of a value. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Elements in row-major order: bytes for `u8` and `bool`, which holds 0 or 1. */
export type TensorData = Float32Array | Int32Array | Uint8Array;

/** A value: its type and its elements, row-major. */
export interface Tensor {
  readonly type: TensorType;
  readonly data: TensorData;
}

/** Number of elements of a shape; a scalar `[]` has one. */
export const elementCount = (shape: Shape): number => shape.reduce((n, d) => n * d, 1);

/** Row-major strides, in elements. */
export function rowMajorStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1]! * shape[i + 1]!;
  return strides;
}

/** Whether two shapes are equal. */
export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);

/** Whether two types are equal. */
export const sameType = (a: TensorType, b: TensorType): boolean =>
  a.dtype === b.dtype && sameShape(a.shape, b.shape);

/** `f32[1,3,8,8]`: how types are written in text and messages. */
export const showType = (type: TensorType): string => `${type.dtype}[${type.shape.join(',')}]`;

/** A zero-filled array for the elements of a type. */
export function allocate(type: TensorType): TensorData {
  const n = elementCount(type.shape);
  if (type.dtype === 'f32') return new Float32Array(n);
  return type.dtype === 'i32' ? new Int32Array(n) : new Uint8Array(n);
}
