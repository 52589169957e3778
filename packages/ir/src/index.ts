// What @espalier/ir offers to the packages below it.

export { showAttrs } from './attrs.ts';
export { type Builder, createBuilder } from './builder.ts';
export { type ChannelGroup, channelGroups, type NarrowedAxis } from './channel-groups.ts';
export type { AxisLink, AxisPlace } from './channels.ts';
export {
  activationBytes,
  bytesOf,
  costs,
  macs,
  macsOf,
  type NodeCost,
  parameterBytes,
} from './cost.ts';
export { decompose } from './decompose.ts';
export { differentiate, type Unfused, unfuse } from './differentiate.ts';
export { assert, type ErrorDetails, EspalierError, type Location } from './errors.ts';
export { evaluate, evaluateConstant, evaluateNode } from './evaluate.ts';
export {
  countUses,
  type Graph,
  type Output,
  operands,
  splitInputs,
  topologicalOrder,
} from './graph.ts';
export { broadcastsTo, inferEpilogue, inferOp, opOf } from './infer.ts';
export type { ConstantNode, InputNode, Node, OpNode } from './node.ts';
export {
  type ArityOf,
  type AttrsOf,
  compositions,
  type OpName,
  ops,
  type PrimitiveName,
  primitives,
} from './ops/index.ts';
export type { Arity, Composition, Op, Operands, Primitive } from './ops/op.ts';
export {
  arg,
  argumentsOf,
  call,
  compileScalar,
  differentiateScalar,
  evaluateScalar,
  inferScalar,
  literal,
  parseScalar,
  plain,
  type Scalar,
  type ScalarFunction,
  type ScalarName,
  scalars,
  showScalar,
  substitute,
} from './ops/scalar.ts';
export { parse } from './parse.ts';
export { type Match, match, type Pattern, p } from './pattern.ts';
export { randomSource, randomTensor } from './random.ts';
export { rebuild, type Visit } from './rebuild.ts';
export { type Rule, rewrite, rule } from './rewrite.ts';
export { separateConstants } from './separate.ts';
export { digests, print } from './text.ts';
export {
  allocate,
  type DType,
  elementCount,
  rowMajorStrides,
  type Shape,
  sameShape,
  sameType,
  showType,
  type Tensor,
  type TensorData,
  type TensorType,
} from './types.ts';
export { verify } from './verify.ts';
