// The program is data: what the compiler writes and the runtime executes. No op names in here.

/** Element types at the boundary. `bool` is passed as bytes 0 and 1, and held as 32-bit words inside. */
export type PortDType = 'f32' | 'i32' | 'bool';

/** A named input or output. */
export interface Port {
  readonly name: string;
  readonly dtype: PortDType;
  readonly shape: readonly number[];
  /** Where its elements are in linear memory, row-major, 32 bits each. */
  readonly byteOffset: number;
}

/** Calls export `f<fn>` of the module with byte addresses. */
export type Step = readonly [fn: number, ...addresses: number[]];

/** A run of the weights file, of whole rounds of the digest: verified, and then of use, before the next one is there. */
export interface WeightPart {
  readonly bytes: number;
  /** Where it is put; others may be put there once it is unpacked. */
  readonly byteOffset: number;
  readonly digest: readonly number[];
  /** Steps that unpack it. */
  readonly unpack: readonly Step[];
  /** How many steps of an inference need nothing that follows. */
  readonly ready: number;
}

/** The weights file: constants in the order in which inferences read them. */
export interface Weights {
  readonly bytes: number;
  /** The function that writes the digest of a part, 16 bytes, to a place of its own. */
  readonly digest: { readonly fn: number; readonly byteOffset: number };
  readonly parts: readonly WeightPart[];
}

/** A compiled model for the `wasm` executor. */
export interface Program {
  readonly executor: 'wasm';
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Size of linear memory, in 64 KiB pages. */
  readonly pages: number;
  readonly weights: Weights;
  /** Run for each inference, in this order on one thread. */
  readonly run: readonly Step[];
  /** What several threads may share, if the model was compiled for them. */
  readonly parallel?: {
    readonly threads: number;
    /** Runs of steps whose parts may be done at the same time: the first step, and the end of each part. */
    readonly groups: readonly (readonly number[])[];
  };
}
