// Activations that operators carry.

import { parseScalar, type Scalar } from '@espalier/ir';

/** An activation of a result. */
export interface Activation {
  readonly expr?: Scalar;
  /** All that it does to codes, if it only bounds them. */
  readonly bounds?: readonly [number, number];
}

/** By TFLite's number; 0 is none. What follows these turns numbers into bits. */
export const activations: readonly Activation[] = [
  { bounds: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] },
  { expr: parseScalar('relu(a0)'), bounds: [0, Number.POSITIVE_INFINITY] },
  { expr: parseScalar('min(max(a0, -1), 1)'), bounds: [-1, 1] },
  { expr: parseScalar('min(max(a0, 0), 6)'), bounds: [0, 6] },
  { expr: parseScalar('tanh(a0)') },
];
