// What is known of the values that a layer reads.

/** The range of a layer's input. */
export interface KnownRange {
  /**
   * A magnitude that no value of the input exceeds, as far as is known: kernels may then compute in fixed point of
   * 16 bits, where larger values saturate. It says nothing of what the op means: evaluation takes no notice of it.
   */
  readonly inputRange?: number;
}
