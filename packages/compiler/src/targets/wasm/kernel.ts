// What a kernel of the wasm target is, and what it is given to write its code with.

import type { OpNode, Scalar, TensorData } from '@espalier/ir';
import type { Reread } from '../../devices/work.ts';
import type { Address, Halo, Order, View } from '../../plan/view.ts';
import type { Assembler, Expr, Local } from './assembler.ts';

/**
 * What a kernel asks of an operand's memory; the planner copies an operand that does not comply.
 * Without any wish the kernel takes whatever strides come.
 */
export interface Wish {
  /** Dense in this order. */
  readonly dense?: Order;
  /** This axis has stride 1, the others are free. */
  readonly unitAxis?: number;
  /** At least these zeros around. */
  readonly halo?: Halo;
  /** The code that stands for zero in a halo of codes. Default 0. */
  readonly fill?: number;
}

/** How constant operands may be stored in the weights file (`?weights=`). */
export interface WeightLayout {
  /** Elements are in groups `[blocks][rows][lanes]`; scale `s` of a group is `[blocks][lanes]`. */
  readonly blocks: number;
  /** The same for all blocks, or one number a block. */
  readonly rows: number | readonly number[];
  readonly lanes: number;
}

/**
 * What is made of weights when a model is loaded, from the form in which they are shipped. The rows of
 * a `WeightLayout` are taken a few at a time, always as floats.
 */
export interface Preparation {
  /** Bytes of the result. */
  readonly bytes: number;
  /** Rows of the layout that one round takes. */
  readonly rows: number;
  /**
   * Statement: one round. `row(i, v)` is vector `v` of its `i`-th row; the code moves `to` on to where
   * the next round writes.
   */
  write(asm: Assembler, row: (index: number, vector: number) => Expr, to: Local): Expr;
}

/** One call to emit: a function of addresses, and the addresses. */
export interface Call {
  /** For reports and profiles: "conv 3x3 s2". */
  readonly label: string;
  readonly args: readonly Address[];
  /** Whose prices apply, where that is not the kernel that adds the call. */
  readonly kernel?: string;
  /** What it walks over more than once, beyond what the first cache holds; default nothing. */
  readonly rereads?: readonly Reread[];
  /**
   * Writes the body. Called once a module (plain, relaxed), so it must be pure. Everything but the
   * addresses is a constant of the body: functions with equal bytes are shared between layers.
   */
  write(asm: Assembler, ...params: Local[]): Expr;
}

/** Floats that are made where they are wanted, so that big weights are not held packed and unpacked. */
export interface MadeData {
  readonly length: number;
  /** Writes them over zeros. */
  write(into: Float32Array): void;
}

/** What a kernel may do while it lowers a node. */
export interface Emitter {
  /** Adds a step to each inference. */
  call(call: Call): void;
  /**
   * Places data in the weights segment. `layout` marks weights that may be shipped as f16 or as
   * int8 with one scale per (block, lane); without it they are shipped as they are. With a
   * preparation, the address is that of its result.
   */
  constant(
    data: TensorData | MadeData,
    label: string,
    layout?: WeightLayout,
    preparation?: Preparation,
  ): Address;
  /**
   * Places lists of growing multiples of 4 one after the other, and the length of each in bytes:
   * the taps of sparse weights.
   */
  offsets(
    lists: readonly (readonly number[])[],
    label: string,
  ): { readonly offsets: Address; readonly counts: Address };
  /** Memory for this node alone. */
  scratch(bytes: number, label: string): Address;
}

/** A node with the memory of its operands and result. */
export interface Site {
  readonly node: OpNode;
  /** Operand `index` of the op itself; only those that the kernel's `reads` names have one. */
  input(index: number): View;
  /** Extra operands of the epilogue, broadcast to the result's shape (stride 0 on broadcast axes). */
  readonly extras: readonly View[];
  readonly epilogue: Scalar | undefined;
  readonly output: View;
  readonly emit: Emitter;
}

/**
 * Generates the code of one op. Of several kernels that accept a node, the one whose calls are predicted to
 * take the least time is chosen; between equals, the first of the table. Nothing has to be said for that:
 * the prediction counts the instructions of the calls.
 */
export interface Kernel {
  readonly name: string;
  /** Its rounding errors are larger than those of sums in any order: `?exact` does without it. */
  readonly inexact?: boolean;
  /**
   * It leaves zeros of weights out: how fast that is depends on the mask, and is known less well. How many times faster
   * than a dense kernel it has to be predicted, to be faster.
   */
  readonly worthFrom?: number;
  /** Whether it can run this node; by default it can. */
  accepts?(node: OpNode): boolean;
  /**
   * Operands that it reads from memory at run time. Constant operands which it packs itself
   * (convolution weights, bias) are not among them. Default: all.
   */
  reads?(node: OpNode): readonly number[];
  /** What it asks of operand `index`. */
  wish?(node: OpNode, index: number): Wish;
  /**
   * Order in which it wants to write its result; `undefined` lets the planner choose (the order of
   * the largest operand). A kernel writes through any strides that have `unitAxis` 1 there.
   */
  order?(node: OpNode): Order | undefined;
  /** Whether it writes without gaps, so that its result cannot have a halo. */
  readonly writesDense?: boolean;
  lower(site: Site): void;
}
