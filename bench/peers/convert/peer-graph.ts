// A network in the vocabulary of TensorFlow's family: channels last, small ops, constants as tensors.

/** A tensor as it lies in memory; constants have their elements. */
export interface PeerTensor {
  readonly shape: readonly number[];
  readonly data?: Float32Array | Int32Array;
}

/** Ops without attributes of one operand. */
export type UnaryKind =
  | 'abs'
  | 'elu'
  | 'exp'
  | 'gelu'
  | 'hardSwish'
  | 'log'
  | 'neg'
  | 'relu'
  | 'relu6'
  | 'rsqrt'
  | 'sigmoid'
  | 'sqrt'
  | 'square'
  | 'tanh';

/** Ops without attributes of two operands, which broadcast as numpy's do. */
export type BinaryKind = 'add' | 'div' | 'max' | 'min' | 'mul' | 'sub';

/** How a window slides over rows and columns; pads are top, left, bottom, right. */
export interface Window {
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
}

/** What an op does. Operands of layers: the input, weights, bias. */
export type PeerAttrs =
  | { readonly kind: UnaryKind | BinaryKind | 'softmax' }
  /** Weights `[O, R, S, I/groups]`. */
  | ({ readonly kind: 'conv' } & Window)
  /** Weights `[1, R, S, O]`, where output `o` reads input `o / multiplier`. */
  | ({ readonly kind: 'depthwise'; readonly multiplier: number } & Window)
  /** Weights `[O, K]`. */
  | { readonly kind: 'fullyConnected' }
  | ({ readonly kind: 'maxPool' | 'avgPool'; readonly kernel: readonly [number, number] } & Window)
  | { readonly kind: 'leakyRelu'; readonly alpha: number }
  | { readonly kind: 'mean' | 'sum' | 'reduceMax'; readonly axes: readonly number[] }
  | { readonly kind: 'reshape' }
  | { readonly kind: 'transpose'; readonly perm: readonly number[] }
  | { readonly kind: 'concat'; readonly axis: number }
  | {
      readonly kind: 'pad';
      readonly before: readonly number[];
      readonly after: readonly number[];
      readonly value: number;
    }
  | { readonly kind: 'slice'; readonly starts: readonly number[] }
  | { readonly kind: 'batchMatmul'; readonly adjX: boolean; readonly adjY: boolean }
  | { readonly kind: 'resizeNearest' | 'resizeBilinear' }
  | { readonly kind: 'depthToSpace'; readonly block: number };

/** What is done to an op's result before it is stored. */
export type Activation =
  | { readonly kind: 'relu' | 'relu6' | 'elu' | 'sigmoid' }
  | { readonly kind: 'leakyRelu'; readonly alpha: number };

/** One op. */
export interface PeerOp {
  readonly attrs: PeerAttrs;
  readonly inputs: readonly PeerTensor[];
  readonly output: PeerTensor;
  readonly activation?: Activation;
}

/** A network; ops in an order in which they can run. */
export interface PeerGraph {
  readonly inputs: readonly PeerTensor[];
  readonly outputs: readonly PeerTensor[];
  readonly ops: readonly PeerOp[];
}

/**
 * Moves activations into the ops before them, as converters do.
 *
 * @param accepts Whether the format has that op with that activation.
 */
export function fuseActivations(
  graph: PeerGraph,
  accepts: (op: PeerOp, activation: Activation) => boolean,
): PeerGraph {
  const uses = new Map<PeerTensor, number>();
  for (const tensor of [...graph.ops.flatMap(({ inputs }) => inputs), ...graph.outputs])
    uses.set(tensor, (uses.get(tensor) ?? 0) + 1);
  const ops: PeerOp[] = [];
  const madeBy = new Map<PeerTensor, number>();
  for (const op of graph.ops) {
    const activation = activationOf(op.attrs);
    const [from] = op.inputs;
    const at = from && madeBy.get(from);
    const before = at === undefined ? undefined : ops[at];
    const fits =
      activation &&
      before &&
      !before.activation &&
      uses.get(before.output) === 1 &&
      accepts(before, activation);
    if (fits) ops[at!] = { ...before, output: op.output, activation };
    else ops.push(op);
    madeBy.set(op.output, fits ? at! : ops.length - 1);
  }
  return { ...graph, ops };
}

function activationOf(attrs: PeerAttrs): Activation | undefined {
  switch (attrs.kind) {
    case 'relu':
    case 'relu6':
    case 'elu':
    case 'sigmoid':
      return { kind: attrs.kind };
    case 'leakyRelu':
      return attrs;
    default:
      return undefined;
  }
}
