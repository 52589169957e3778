// A scalar expression over whole tensors: the loops behind `map` and behind every epilogue.

import { rowMajorStrides, type Shape, type Tensor } from '../types.ts';
import { compileScalar, type Scalar } from './scalar.ts';

/** Fills `output` with `expr` of `inputs`, which broadcast to it as numpy does. */
export function applyScalar(expr: Scalar, inputs: readonly Tensor[], output: Tensor): void {
  const dtypes = inputs.map(({ type }) => type.dtype);
  const apply = compileScalar(expr, dtypes);
  const { shape } = output.type;
  const strides = inputs.map(({ type }) => broadcastStrides(type.shape, shape));
  const offsets = inputs.map(() => 0);
  const args = inputs.map(() => 0);
  const index = shape.map(() => 0);
  for (let i = 0; i < output.data.length; i++) {
    for (let k = 0; k < inputs.length; k++) args[k] = inputs[k]!.data[offsets[k]!]!;
    output.data[i] = apply(args);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const wraps = ++index[axis]! === shape[axis];
      for (let k = 0; k < inputs.length; k++)
        offsets[k]! += wraps ? strides[k]![axis]! * (1 - shape[axis]!) : strides[k]![axis]!;
      if (!wraps) break;
      index[axis] = 0;
    }
  }
}

/** Row-major strides of `from` as seen by an index into `to`: 0 along axes that are repeated. */
function broadcastStrides(from: Shape, to: Shape): number[] {
  const own = rowMajorStrides(from);
  const lead = to.length - from.length;
  return to.map((_, axis) => (axis < lead || from[axis - lead] === 1 ? 0 : own[axis - lead]!));
}
