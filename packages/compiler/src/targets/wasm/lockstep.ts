// The same code for several vectors at a time, instruction by instruction: a processor waits for each step of
// a long function, and does the others' steps meanwhile. Constants are loaded once for all.

import type { Assembler, Expr, Local } from './assembler.ts';

/** One value for each vector: what an expression leaves on the stack. */
type Values = readonly Expr[];

/** An assembler whose every value stands for several. */
export interface Lockstep {
  /** Straight-line vector code only: no control flow, no memory, no scalars but constants. */
  readonly asm: Assembler;
  /** A value of `asm` made of one of the real assembler for each vector. */
  together(values: readonly Expr[]): Expr;
  /** Statement: puts what a value of `asm` stands for into locals. */
  apart(value: Expr, into: readonly Local[]): Expr;
}

/**
 * Expressions of the result must be written by `apart`, and once only.
 *
 * @param temp Gives v128 locals that are free until all is written.
 */
export function createLockstep(real: Assembler, vectors: number, temp: () => Local): Lockstep {
  const stack: Values[] = [];
  const pop = (): Values => stack.pop()!;
  const popped = (operands: readonly Expr[]): Values[] =>
    operands.map((operand) => {
      operand();
      return pop();
    });
  const each = (make: (vector: number) => Expr): Expr[] =>
    Array.from({ length: vectors }, (_, vector) => {
      const local = temp();
      local.set(make(vector))();
      return local.get;
    });
  const repeated = (value: Expr): Values => new Array<Expr>(vectors).fill(value);
  const constant =
    (value: Expr): Expr =>
    () => {
      const local = temp();
      local.set(value)();
      stack.push(repeated(local.get));
    };
  /** What several operands give, vector by vector. */
  const combined =
    (operands: readonly Expr[], make: (...parts: Expr[]) => Expr): Expr =>
    () => {
      const values = popped(operands);
      stack.push(each((vector) => make(...values.map((parts) => parts[vector]!))));
    };

  /** A name for values: setting it writes no code. */
  const local = (): Local => {
    let held: Values = [];
    const set =
      (value: Expr): Expr =>
      () => {
        [held] = popped([value]) as [Values];
      };
    const get: Expr = () => stack.push(held);
    return {
      type: 'v128',
      get,
      set,
      tee: (value) => real.seq(set(value), get),
      advance: () => refuse,
    };
  };
  const asm: Assembler = {
    ...real,
    v128Local: local,
    i32: (value) => () => stack.push(repeated(real.i32(value))),
    f32x4: (value) => constant(real.f32x4(value)),
    i32x4: (value) => constant(real.i32x4(value)),
    op: (name, ...operands) => combined(operands, (...parts) => real.op(name, ...parts)),
    fma: (sum, a, b) =>
      combined([sum, a, b], (...parts) => real.fma(...(parts as [Expr, Expr, Expr]))),
    madd: (sum, a, b) => sum.set(asm.fma(sum.get, a, b)),
  };
  return {
    asm,
    together: (values) => () => stack.push(each((vector) => values[vector]!)),
    apart: (value, into) => () => {
      const [parts] = popped([value]) as [Values];
      into.forEach((target, vector) => {
        target.set(parts[vector]!)();
      });
    },
  };
}

const refuse: Expr = () => {
  throw new Error('vectors are not advanced');
};
