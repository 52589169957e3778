// A node is one value of the graph: an input, a constant, or the result of an op. Nodes never change.

import type { OpName } from './ops/index.ts';
import type { Scalar } from './ops/scalar.ts';
import type { Tensor, TensorType } from './types.ts';

interface Common {
  /** Unique in the process, ascending with creation: inputs of a node have smaller ids. */
  readonly id: number;
  readonly type: TensorType;
  /** Where the value comes from, for messages and reports: an ONNX node or tensor name. */
  readonly name: string;
}

/** A value that the caller supplies. */
export interface InputNode extends Common {
  readonly kind: 'input';
}

/** A value known at build time. */
export interface ConstantNode extends Common {
  readonly kind: 'constant';
  readonly value: Tensor;
}

/** The result of an op. */
export interface OpNode extends Common {
  readonly kind: 'op';
  readonly op: OpName;
  /** The op's own operands first, then the extra operands of `epilogue`. */
  readonly inputs: readonly Node[];
  readonly attrs: object;
  /**
   * Applied to each element of the op's result, as argument 0; arguments 1, 2, … are the extra
   * operands, which broadcast to the result. Made by the fusing passes, so that a bias, an
   * activation or a residual costs no pass over memory.
   */
  readonly epilogue?: Scalar;
}

/** One value of the graph. */
export type Node = InputNode | ConstantNode | OpNode;
