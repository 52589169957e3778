import type { CompileOptions } from '@espalier/compiler';
import type { Node } from '@espalier/ir';
import { parseScalar } from '@espalier/ir';
import t from 'tap';
import { agrees, type Case, caseOf, type Operands, worstError } from '../support/agrees.ts';
import { start, withKernel } from '../support/run-compiled.ts';

type Pads = readonly [number, number, number, number];

const around: Pads = [1, 1, 1, 1];

/** A 3 × 3 convolution of stride 1. */
const filter =
  (shape: readonly [number, number, number, number], outputs: number, pads: Pads = around) =>
  ({ b, input, constant }: Operands): Node =>
    b.conv(input(...shape), constant(outputs, shape[1], 3, 3), constant(outputs), {
      stride: [1, 1],
      dilation: [1, 1],
      pads,
      groups: 1,
    });

/** The kernels that a case is compiled to. */
const kernelsOf = ({ graph }: Case, options: CompileOptions = {}): string[] =>
  start(graph, options).compiled.report.work.map(({ kernel }) => kernel);

const forms = ['conv-winograd-f2', 'conv-winograd-f4'] as const;

// Lavin & Gray give relative errors of 1e-5 for F(4,3); a tenth of the bar for the whole network.
const tolerance = 2e-5;

t.test('agrees where tiles stick out of the image', async (t) => {
  for (const [h, w] of [
    [4, 4],
    [5, 9],
    [7, 7],
    [14, 13],
    [15, 34],
  ] as const)
    for (const [channels, outputs] of [
      [16, 16],
      [19, 21],
      [64, 32],
    ] as const) {
      const made = caseOf(filter([1, channels, h, w], outputs));
      for (const form of forms) {
        const title = `${form}, ${channels} to ${outputs} over ${h}×${w}`;
        const { compiled } = agrees(t, made, title, tolerance, withKernel(form));
        const used = compiled.report.work.map(({ kernel }) => kernel);
        t.ok(used.includes(form), `${title} is cut into tiles`);
      }
    }
});

t.test('agrees with any padding, for several images, and in many blocks', async (t) => {
  for (const pads of [
    [0, 0, 0, 0],
    [1, 0, 0, 2],
    [2, 2, 1, 3],
  ] as const)
    for (const form of forms)
      agrees(
        t,
        caseOf(filter([2, 24, 11, 10], 40, pads)),
        `${form}, padded by ${pads}`,
        tolerance,
        withKernel(form),
      );
  for (const form of forms)
    agrees(
      t,
      caseOf(filter([1, 96, 37, 150], 96)),
      `${form}, blocks that overlap`,
      tolerance,
      withKernel(form),
    );
});

t.test('is taken where it pays', async (t) => {
  const transforms = (made: Case) => kernelsOf(made).some((name) => name.includes('winograd'));
  t.ok(transforms(caseOf(filter([1, 64, 28, 28], 64))), '64 channels at 28×28');
  t.notOk(transforms(caseOf(filter([1, 64, 1, 1], 64))), 'not for one pixel');
});

t.test('finishes with bias, residual and a long epilogue', async (t) => {
  const made = caseOf(({ b, input, constant }) => {
    const y = filter([1, 32, 14, 10], 30)({ b, input, constant });
    return b.map([y, input(1, 30, 14, 10)], { expr: parseScalar('erf(a0 + a1) * a0') });
  });
  for (const form of forms)
    agrees(t, made, `y + residual through erf, ${form}`, tolerance, withKernel(form));
});

t.test('ships weights in fewer bits, transformed at load', async (t) => {
  const { graph, inputs } = caseOf(filter([1, 64, 16, 16], 64));
  const options = withKernel('conv-winograd-f4');
  const exact = start(graph, options).run(inputs).y!;
  for (const [weights, most] of [
    ['f16', 1e-3],
    ['int8', 2e-2],
  ] as const) {
    const running = start(graph, { ...options, weights });
    t.ok(
      running.compiled.weights.length < (weights === 'f16' ? 90_000 : 50_000),
      `${weights}: ${running.compiled.weights.length} bytes for 36,864 weights`,
    );
    const error = worstError(running.run(inputs).y!, exact);
    t.ok(error > 0 && error < most, `${weights}: off by ${error} of the largest`);
  }
});

t.test('stays with plain sums where exactness is asked for', async (t) => {
  const { graph, inputs } = caseOf(filter([1, 64, 16, 16], 64));
  const { compiled, run } = start(graph, { exact: true });
  t.notOk(
    compiled.report.steps.some((label) => label.startsWith('winograd')),
    'no tile is transformed',
  );
  const error = worstError(
    run(inputs).y!,
    start(graph, withKernel('conv-winograd-f4')).run(inputs).y!,
  );
  t.ok(error > 0 && error < tolerance, `the two differ by ${error}`);
});
