// How exactly a layer is to be computed.

import { badShape } from '../errors.ts';

/** Precisions that a layer may have besides that of floats. */
export const precisions = ['int16'] as const;

/** One of `precisions`. */
export type Precision = (typeof precisions)[number];

/** The precision of a layer's products. */
export interface LayerPrecision {
  /**
   * `int16`: kernels may round inputs and weights to integers of up to 16 bits, whose scales follow from the values at
   * hand. A permission: it says nothing of what the op means, and evaluation takes no notice of it. Default: floats.
   */
  readonly precision?: Precision;
}

/** Refuses any other precision. */
export function expectPrecision(op: string, { precision }: LayerPrecision): void {
  if (precision !== undefined && !precisions.includes(precision))
    throw badShape(op, `a precision of ${precision}, where there is ${precisions.join(' or ')}`);
}
