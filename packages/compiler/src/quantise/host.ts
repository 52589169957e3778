// A layer with constant weights as a convolution of codes, with what follows it as its epilogue.

import {
  arg,
  assert,
  type Builder,
  call,
  type Node,
  type OpNode,
  type Scalar,
  showScalar,
  splitInputs,
  substitute,
  type Tensor,
} from '@espalier/ir';
import { asImage, asKernel, asResult, slidingOf } from './as-convolution.ts';
import type { Code } from './codes.ts';
import { codeForm, startExpression } from './expressions.ts';
import { combined, type LinearForm, times, type Vector } from './linear-form.ts';
import type { Made } from './quantise.ts';
import { readsPicture } from './regions.ts';
import { integerLayer } from './weights.ts';

/** The sums of a layer, as floats. */
const sums = call('toF32', arg(0));

/** Biases stay below this, far from where sums of products would overflow. */
const greatestBias = 2 ** 28;

const reads = (expr: Scalar, part: string): boolean =>
  showScalar(expr) === part || (expr.kind === 'call' && expr.args.some((arg) => reads(arg, part)));

/** The constant of a form as a bias of its sums, if these are a term of it and occur nowhere else. */
function constantAsBias({ terms, constant }: LinearForm): Vector | undefined {
  const key = showScalar(sums);
  const own = terms.find(({ term }) => showScalar(term) === key);
  if (!own || terms.some((part) => part !== own && reads(part.term, key))) return undefined;
  const bias = combined(constant, own.factor, (value, factor) => value / factor);
  return bias.every((value) => Math.abs(value) < greatestBias) ? bias : undefined;
}

/** Weights `[O, I, R, S]` for both planes of a picture. */
function twice({ type, data }: Tensor): Tensor {
  const [o, i, r, s] = type.shape as [number, number, number, number];
  const own = i * r * s;
  const doubled = new Float32Array(2 * data.length);
  for (let output = 0; output < o; output++)
    for (const plane of [0, 1])
      doubled.set(data.subarray(output * own, (output + 1) * own), (2 * output + plane) * own);
  return { type: { ...type, shape: [o, 2 * i, r, s] }, data: doubled };
}

/** What the codes of both planes stand for, which are added. */
const halved = ({ scales, zero }: Code): Code => ({
  scales: [...scales, ...scales].map((scale) => scale / 2),
  zero,
});

/** The mean of each input of a host, or of all. */
function meansOfInputs(made: Made, { op, inputs: [x], type }: OpNode): readonly number[] {
  const means = made.meansOf(x!);
  if (op === 'conv' || type.shape.length === 2) return means;
  return [means.reduce((sum, mean) => sum + mean, 0) / means.length];
}

/** The means of both planes of a picture. */
const half = (means: readonly number[]): number[] => [...means, ...means].map((mean) => mean / 2);

/** A picture of 8 bits as two planes of 7, `[N, 2·C, H, W]`: half of each value, and the rest. */
function planes(made: Made, b: Builder, x: Node, code: Code): Node {
  const plane = (isRest: boolean): Node => {
    const expressions = startExpression(b, 0, x.type.shape);
    const value = expressions.operand(made.floatsOf(x));
    const form = codeForm(value, code, expressions);
    const half = call('toCode', expressions.written(form));
    const rest = call('sub', expressions.written(times(form, [2])), call('toF32', half));
    const { expr, operands } = expressions.finish(isRest ? call('toCode', rest) : half);
    return b.map(operands, { expr });
  };
  return b.concat([plane(false), plane(true)], { axis: 1 });
}

/** The convolution of codes that a host becomes. */
export function convolutionOf(made: Made, b: Builder, node: OpNode): Node {
  const { own, extras } = splitInputs(node);
  const [x, w, bias] = own as [Node, Node, Node];
  assert(w.kind === 'constant' && bias.kind === 'constant', 'a host has constant weights');
  const meaning = made.meaningOf(x);
  const isPicture = readsPicture(node);
  const sliding = slidingOf(node);
  const input = isPicture ? halved(meaning) : meaning;
  const weights = isPicture ? twice(w.value) : w.value;
  const means = isPicture ? half(made.meansOf(x)) : meansOfInputs(made, node);
  const layer = integerLayer(weights, bias.value, sliding.groups, input, means);

  const outputs = w.type.shape[0]!;
  const expressions = startExpression(b, 1, [1, outputs, 1, 1]);
  const value = substitute(node.epilogue ?? arg(0), [
    call('mul', sums, expressions.constant(layer.scales)),
    ...extras.map((extra) => {
      const [code, held] = [made.codeOf(extra), made.heldCodes(extra)];
      const isAlike = extra.type.shape.length === node.type.shape.length;
      return code && held && isAlike
        ? expressions.decoded(expressions.operand(asImage(b, node, held)), code)
        : expressions.operand(asImage(b, node, made.floatsOf(extra)));
    }),
  ]);
  const code = made.codeOf(node);
  const form = code && codeForm(value, code, expressions);
  const shift = form && constantAsBias(form);
  const after = form
    ? call('toCode', expressions.written(shift ? { ...form, constant: [0] } : form))
    : value;
  const { expr, operands } = expressions.finish(after);

  const biases = combined(layer.bias, shift ?? [0], (own, more) => Math.round(own + more));
  const convolution = b.convInteger(
    isPicture ? planes(made, b, x, meaning) : asImage(b, node, made.codesOf(x, input)),
    b.constant(asKernel(layer.weights)),
    b.constant({ type: { dtype: 'i32', shape: [outputs] }, data: Int32Array.from(biases) }),
    { ...sliding, zero: input.zero },
  );
  assert(convolution.kind === 'op', 'a convolution is an op');
  return asResult(b, node, b.withEpilogue(convolution, expr, operands));
}
