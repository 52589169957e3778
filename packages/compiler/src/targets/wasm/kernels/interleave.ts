// Interleaves two or three planes, such as the colours of a picture, four pixels at a time.

import type { Assembler, Expr, Local } from '../assembler.ts';
import { type Loop, nest } from '../walk.ts';

/** A picture of planes whose pixels are to lie next to each other. */
export interface Interleaving {
  readonly outer: readonly Loop[];
  readonly pixels: Loop;
  readonly planes: Loop;
}

/** How each vector of the target is made: of lanes of two planes, of three by a second shuffle. */
const shuffles = {
  2: [
    { of: [0, 1], lanes: [0, 4, 1, 5] },
    { of: [0, 1], lanes: [2, 6, 3, 7] },
  ],
  3: [
    { of: [0, 1], lanes: [0, 4, 1, 5], third: 2, again: [0, 1, 4, 2] },
    { of: [1, 2], lanes: [1, 5, 2, 6], third: 0, again: [0, 1, 6, 2] },
    { of: [2, 0], lanes: [2, 7, 3, 3], third: 1, again: [0, 1, 7, 2] },
  ],
} as const;

const hasShuffles = (planes: number): planes is keyof typeof shuffles => planes in shuffles;

/** A copy as an interleaving, if it is one: over [target, source]. */
export function interleaving(loops: readonly Loop[]): Interleaving | undefined {
  const planes = loops.at(-1);
  if (planes?.steps[0] !== 4 || planes.steps[1] === 4 || !hasShuffles(planes.extent))
    return undefined;
  const at = loops.findIndex(
    ({ steps, extent }) => steps[1] === 4 && steps[0] === 4 * planes.extent && extent >= 4,
  );
  const pixels = loops[at];
  const outer = loops.filter((_, i) => i !== at && i !== loops.length - 1);
  return pixels && { outer, pixels, planes };
}

/** Statement: the copy. */
export function interleave(
  asm: Assembler,
  { outer, pixels, planes }: Interleaving,
  to: Local,
  from: Local,
): Expr {
  if (!hasShuffles(planes.extent)) return asm.seq();
  const made = shuffles[planes.extent];
  const planeStep = planes.steps[1]!;
  const vectors = made.map(() => asm.v128Local());
  const at = asm.i32Local();
  const four = asm.seq(
    at.set(from.get),
    ...vectors.map((vector) =>
      asm.seq(vector.set(asm.load('v128.load', at.get)), at.advance(planeStep)),
    ),
    ...made.map((step, i) => {
      const pair = asm.shuffle32(vectors[step.of[0]]!.get, vectors[step.of[1]]!.get, step.lanes);
      const value =
        'again' in step ? asm.shuffle32(pair, vectors[step.third]!.get, step.again) : pair;
      return asm.store('v128.store', to.get, value, 16 * i);
    }),
  );
  const rest = pixels.extent % 4;
  const whole = {
    extent: (pixels.extent - rest) / 4,
    steps: pixels.steps.map((step) => 4 * step),
  };
  const word = asm.store('i32.store', to.get, asm.load('i32.load', from.get));
  const single = [{ extent: rest, steps: pixels.steps }, planes];
  const both = [to, from];
  return nest(
    asm,
    outer,
    both,
    asm.seq(
      nest(asm, [whole], both, four),
      rest > 0 ? nest(asm, single, both, word) : asm.seq(),
      ...both.map((pointer, i) => pointer.advance(-pixels.steps[i]! * pixels.extent)),
    ),
  );
}
