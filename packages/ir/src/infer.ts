// The type of an op's result, epilogue included: what the builder and the verifier ask.

import { badShape } from './errors.ts';
import { type OpName, ops } from './ops/index.ts';
import type { Arity, Op } from './ops/op.ts';
import { argumentsOf, inferScalar, type Scalar } from './ops/scalar.ts';
import { type Shape, showType, type TensorType } from './types.ts';

/** An op of the table whose attributes and arity are only known at run time. */
export type AnyOp = Op<object, 'many'>;

/** The record of an op, for callers that treat all ops alike. */
export const opOf = (name: OpName): AnyOp =>
  // The arity in the type only shapes the operand tuples: called with a list, all ops are alike.
  ops[name] as unknown as AnyOp;

/**
 * The type of an op's own result, before any epilogue.
 *
 * @throws {EspalierError} BAD_SHAPE, BAD_DTYPE
 */
export function inferOp(name: OpName, inputs: readonly TensorType[], attrs: object): TensorType {
  const { arity, infer } = opOf(name) as { readonly arity: Arity; infer: AnyOp['infer'] };
  if (arity === 'many' ? inputs.length === 0 : inputs.length !== arity)
    throw badShape(name, `${inputs.length} operands where ${arity} are taken`);
  return infer(inputs, attrs);
}

/**
 * The type after an epilogue over a result and its extra operands.
 *
 * @throws {EspalierError} BAD_SHAPE, if an extra operand does not broadcast to the result or is never
 * read; BAD_DTYPE
 */
export function inferEpilogue(
  result: TensorType,
  extras: readonly TensorType[],
  expr: Scalar,
): TensorType {
  const read = argumentsOf(expr);
  extras.forEach((extra, i) => {
    if (!read.has(i + 1)) throw badShape('epilogue', `operand a${i + 1} is never read`);
    if (!broadcastsTo(extra.shape, result.shape))
      throw badShape('epilogue', `${showType(extra)} does not broadcast to ${showType(result)}`);
  });
  const dtype = inferScalar(expr, [result.dtype, ...extras.map((extra) => extra.dtype)]);
  return { dtype, shape: result.shape };
}

/** Whether numpy's broadcasting takes `from` to exactly `to`. */
export function broadcastsTo(from: Shape, to: Shape): boolean {
  const lead = to.length - from.length;
  return lead >= 0 && from.every((d, i) => d === 1 || d === to[lead + i]);
}
