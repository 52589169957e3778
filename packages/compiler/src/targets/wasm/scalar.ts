// Scalar expressions as code for four lanes: one spelling for each function of the table.

import { type DType, inferScalar, type Scalar, type ScalarName, showScalar } from '@espalier/ir';
import type { Assembler, Expr, Local } from './assembler.ts';
import { createLockstep } from './lockstep.ts';
import type { MathFunction } from './math.ts';
import { idiomOf } from './scalar-idioms.ts';
import { spellings } from './scalar-spellings.ts';
import type { Epilogue } from './tally.ts';

/** An argument of an expression: four lanes of f32, of i32, or of bool as 0 and 1. */
export interface ScalarArgument {
  readonly value: Expr;
  readonly dtype: DType;
}

const free = new WeakMap<Assembler, Local[]>();

/** Locals for one expression; the next expression of the function uses the same. */
function temporaries(asm: Assembler): () => Local {
  const pool = free.get(asm) ?? [];
  free.set(asm, pool);
  let used = 0;
  return () => {
    const known = pool[used++];
    if (known) return known;
    const local = asm.v128Local();
    pool.push(local);
    return local;
  };
}

/**
 * Writes an expression over four lanes. Sub-expressions that occur more than once are computed once.
 * The result may be written once only.
 */
export function emitScalar(asm: Assembler, expr: Scalar, args: readonly ScalarArgument[]): Expr {
  const dtypes = args.map(({ dtype }) => dtype);
  return () => {
    const temp = temporaries(asm);
    const known = new Map<string, Local>();
    const bind = (part: Scalar): Local => {
      const key = showScalar(part);
      const bound = known.get(key);
      if (bound) return bound;
      const value = spelled(part);
      const local = temp();
      known.set(key, local);
      local.set(value)();
      return local;
    };
    const spelled = (part: Scalar): Expr => {
      if (part.kind === 'arg') return args[part.index]!.value;
      if (part.kind === 'literal')
        return part.dtype === 'f32' ? asm.f32x4(part.value) : asm.i32x4(part.value);
      const idiom = idiomOf(part, dtypes);
      if (idiom) return idiom.write({ asm, temp }, ...idiom.args.map(bind));
      const [a, b, c] = part.args.map(bind) as [Local, Local, Local]; // as many as it takes
      const dtype = inferScalar(part.args[part.fn === 'select' ? 1 : 0]!, dtypes);
      return spellings[part.fn]({ asm, temp, dtype }, a, b, c);
    };
    spelled(expr)();
  };
}

/** Functions that are computed lane by lane, with scalars. */
const laneWise: readonly ScalarName[] = ['div', 'mod', 'rem', 'pow'];

/** Whether vectors may be computed in lockstep: the expression takes vector instructions only. */
const isVectorCode = (expr: Scalar, dtypes: readonly DType[]): boolean =>
  expr.kind !== 'call' ||
  (expr.args.every((part) => isVectorCode(part, dtypes)) &&
    (!laneWise.includes(expr.fn) || (expr.fn === 'div' && inferScalar(expr, dtypes) === 'f32')));

/** Expressions of more instructions than this are long. */
const longWeight = 8;

/**
 * How many vectors of an expression are best computed together: several of a long one, whose steps wait for
 * each other. Engines with relaxed SIMD keep the order of the code, and so the steps apart.
 */
export const vectorsTogether = ({ relaxed }: Assembler, expr: Scalar): number =>
  relaxed && isLong(expr) ? 4 : 2;

/** The same for a single function. */
export const functionsTogether = ({ relaxed }: Assembler): number => (relaxed ? 4 : 2);

/** Whether code of an expression should be there once rather than for each vector. */
export const isLong = (expr: Scalar): boolean => weightOf(expr) > longWeight;

/** Whether it is long, for the tally. */
export const lengthOf = (expr: Scalar): Epilogue => (isLong(expr) ? 'long' : 'short');

/**
 * Statement: writes an expression for several vectors, each with its own arguments, into locals. Long ones are
 * computed a few vectors at a time.
 */
export function emitScalars(
  asm: Assembler,
  expr: Scalar,
  argsOf: readonly (readonly ScalarArgument[])[],
  into: readonly Local[],
): Expr {
  const dtypes = argsOf[0]!.map(({ dtype }) => dtype);
  const together = isLong(expr) && isVectorCode(expr, dtypes) ? vectorsTogether(asm, expr) : 1;
  const parts: Expr[] = [];
  for (let first = 0; first < into.length; first += together) {
    const args = argsOf.slice(first, first + together);
    const targets = into.slice(first, first + together);
    if (args.length === 1) parts.push(targets[0]!.set(emitScalar(asm, expr, args[0]!)));
    else
      parts.push(() => {
        const lockstep = createLockstep(asm, args.length, temporaries(asm));
        const values = dtypes.map((dtype, i) => ({
          dtype,
          value: lockstep.together(args.map((own) => own[i]!.value)),
        }));
        lockstep.apart(emitScalar(lockstep.asm, expr, values), targets)();
      });
  }
  return asm.seq(...parts);
}

/** Statement: applies a function to values in locals, to all of them in lockstep. */
export const emitFunction =
  (asm: Assembler, fn: MathFunction, values: readonly Local[]): Expr =>
  () => {
    const lockstep = createLockstep(asm, values.length, temporaries(asm));
    const x = lockstep.asm.v128Local();
    const context = { asm: lockstep.asm, temp: () => lockstep.asm.v128Local() };
    x.set(lockstep.together(values.map(({ get }) => get)))();
    lockstep.apart(fn(context, x), values)();
  };

/** Instructions a value, roughly: what decides between code in place and a loop. */
export function weightOf(expr: Scalar): number {
  if (expr.kind !== 'call') return 0;
  const heavy: readonly ScalarName[] = [
    ...['exp', 'log', 'sigmoid', 'tanh', 'erf', 'sin', 'cos', 'tan', 'pow'],
    ...['mod', 'rem'],
  ] as readonly ScalarName[];
  const own = heavy.includes(expr.fn) ? 20 : 1;
  return expr.args.reduce((sum, part) => sum + weightOf(part), own);
}
