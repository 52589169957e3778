// Expressions under construction: operands are numbered as they come up, constants of each channel among them.

import {
  arg,
  argumentsOf,
  type Builder,
  call,
  literal,
  type Node,
  type Scalar,
  type Shape,
  substitute,
} from '@espalier/ir';
import { type Code, greatestCode } from './codes.ts';
import {
  combined,
  isUniform,
  type LinearForm,
  linearForm,
  scalarOf,
  times,
  type Vector,
} from './linear-form.ts';

/** The operands of one expression, and what can be said with them. */
export interface Expressions {
  /** A value as an argument. */
  operand(node: Node): Scalar;
  /** A constant: a literal, or an argument where channels differ. */
  constant(value: Vector): Scalar;
  /** What a code stands for. */
  decoded(code: Scalar, meaning: Code): Scalar;
  /** An expression as a linear form, constants known. */
  form(expr: Scalar): LinearForm;
  /** The expression of a linear form. */
  written(form: LinearForm): Scalar;
  /** The expression over only those operands that it reads, and these. */
  finish(expr: Scalar): { readonly expr: Scalar; readonly operands: readonly Node[] };
}

/**
 * Starts an expression.
 *
 * @param first The number of the first operand.
 * @param shape The shape of the result: where it is of rank 4 or 2, constants vary along its axis 1.
 */
export function startExpression(b: Builder, first: number, shape: Shape): Expressions {
  const operands: (Node | Vector)[] = [];
  const isVector = (item: Node | Vector): item is Vector => Array.isArray(item);
  const add = (item: Node | Vector) => arg(first + operands.push(item) - 1);
  const constantOf = (index: number) => {
    const item = operands[index - first];
    return item && isVector(item) ? item : undefined;
  };
  const node = (item: Node | Vector): Node =>
    isVector(item)
      ? b.constant({
          type: { dtype: 'f32', shape: shape.length === 4 ? [item.length, 1, 1] : [item.length] },
          data: Float32Array.from(item),
        })
      : item;
  const self: Expressions = {
    operand: add,
    constant: (value) => (isUniform(value) ? literal(value[0]!) : add(value)),
    decoded(code, { scales, zero }) {
      const shifted = zero === 0 ? [] : [literal(-zero)];
      const value = shifted.reduce<Scalar>(
        (sum, shift) => call('add', sum, shift),
        call('toF32', code),
      );
      return call('mul', value, self.constant(scales));
    },
    form: (expr) => linearForm(expr, constantOf),
    written: (form) => scalarOf(form, add),
    finish(expr) {
      const read = [...argumentsOf(expr)].filter((index) => index >= first).sort((x, y) => x - y);
      const args = Array.from({ length: first + operands.length }, (_, index) =>
        arg(index < first ? index : first + read.indexOf(index)),
      );
      return {
        expr: substitute(expr, args),
        operands: read.map((index) => node(operands[index - first]!)),
      };
    },
  };
  return self;
}

/** The other operand where one is a constant. */
function beside(
  { args }: Scalar & { readonly kind: 'call' },
  expressions: Expressions,
): [value: Scalar, bound: Vector] | undefined {
  const [a, b] = args as [Scalar, Scalar];
  const [left, right] = [expressions.form(a), expressions.form(b)];
  if (right.terms.length === 0) return [a, right.constant];
  return left.terms.length === 0 ? [b, left.constant] : undefined;
}

/** A value without the outermost clamps that its code makes superfluous. */
function unclamped(value: Scalar, code: Code, expressions: Expressions): Scalar {
  if (value.kind !== 'call') return value;
  const inner = value.args[0]!;
  if (value.fn === 'relu') return code.zero === 0 ? unclamped(inner, code, expressions) : value;
  if (value.fn !== 'max' && value.fn !== 'min') return value;
  const bounded = beside(value, expressions);
  if (!bounded) return value;
  const bounds = combined(bounded[1], code.scales, (bound, scale) => bound / scale + code.zero);
  // Codes are rounded: half a code beyond the end is the end.
  const superfluous = bounds.every((bound) =>
    value.fn === 'max' ? bound < 0.5 : bound > greatestCode - 0.5,
  );
  return superfluous ? unclamped(bounded[0], code, expressions) : value;
}

/** The code of a value as a linear form, to be rounded. */
export function codeForm(value: Scalar, code: Code, expressions: Expressions): LinearForm {
  const form = times(
    expressions.form(unclamped(value, code, expressions)),
    code.scales.map((scale) => 1 / scale),
  );
  return { ...form, constant: combined(form.constant, [code.zero], (a, b) => a + b) };
}

/** The code of a value. */
export const encoded = (value: Scalar, code: Code, expressions: Expressions): Scalar =>
  call('toCode', expressions.written(codeForm(value, code, expressions)));
