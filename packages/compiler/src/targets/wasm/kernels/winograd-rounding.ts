// The stage between factors and products of a Winograd convolution in fixed point.

import type { Assembler, Expr, Local } from '../assembler.ts';
import { nest } from '../walk.ts';
import { leastPeak, raised, rounded, storeStep } from './pack-fixed.ts';
import type { WinogradSpec } from './winograd-stages.ts';

/** Bytes of a position among the steps: of its factors, and of its products. */
export const stepBytes = 32;

/** Factors become integers where they lie, each position's by its own step. */
export function roundingStage(
  asm: Assembler,
  { form, plan, levels = 1 }: Pick<WinogradSpec, 'form' | 'plan' | 'levels'>,
  factors: Local,
  norms: Local,
  steps: Local,
): Expr {
  const pointers = [asm.i32Local(), asm.i32Local(), asm.i32Local()] as const;
  const [v, norm, step] = pointers;
  const [from, to] = [asm.i32Local(), asm.i32Local()];
  const peaks = [asm.v128Local(), asm.v128Local()] as const;
  const scale = asm.v128Local();
  const vectors = (plan.blockRows * plan.blockColumns * plan.factorTileStep) / 16;
  const pairs = { extent: Math.floor(vectors / 2), steps: [32, 16] };
  const atEach = (body: (count: 1 | 2) => Expr): Expr =>
    asm.seq(
      from.set(v.get),
      to.set(v.get),
      nest(asm, [pairs], [from, to], body(2)),
      vectors % 2 === 1 ? body(1) : asm.seq(),
    );
  const measure = atEach((count) =>
    asm.seq(
      ...peaks
        .slice(0, count)
        .map((peak, i) => raised(asm, peak, asm.load('v128.load', from.get, 16 * i))),
    ),
  );
  const round = atEach((count) => {
    const halves = peaks.map((half, i) =>
      i < count
        ? half.set(rounded(asm, asm.load('v128.load', from.get, 16 * i), scale))
        : asm.seq(),
    );
    const all = asm.lowHalves(peaks[0].get, peaks[1].get);
    return asm.seq(
      ...halves,
      count === 2
        ? asm.store('v128.store', to.get, all)
        : asm.storeLane('v128.store64_lane', to.get, all, 0),
    );
  });
  return asm.seq(
    v.set(factors.get),
    norm.set(norms.get),
    step.set(steps.get),
    nest(
      asm,
      [{ extent: form.n * form.n, steps: [plan.factorStep, 4, stepBytes] }],
      pointers,
      asm.seq(
        ...peaks.map((peak) => peak.set(asm.f32x4(leastPeak))),
        measure,
        storeStep(asm, peaks, levels, step),
        scale.set(asm.load('v128.load', step.get)),
        asm.store(
          'v128.store',
          step.get,
          asm.op('f32x4.mul', scale.get, asm.load('v128.load32_splat', norm.get)),
          16,
        ),
        scale.set(asm.op('f32x4.div', asm.f32x4(1), scale.get)),
        round,
      ),
    ),
  );
}
