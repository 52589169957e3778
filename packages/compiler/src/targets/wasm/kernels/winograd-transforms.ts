// Minimal filtering: m × m outputs of a 3 × 3 convolution from (m + 2)² products
// [Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", 2016, §4].
//
//   output = Aᵀ [ (G · weights · Gᵀ) ⊙ (Bᵀ · input · B) ] A
//
// Each transform is applied to columns and then to rows; here is the one-dimensional half of each.

import type { Assembler, Expr, Local } from '../assembler.ts';

/** F(m, 3), in one dimension. */
export interface WinogradForm {
  /** Outputs of a tile. */
  readonly m: number;
  /** Inputs of a tile, and products: m + 2. */
  readonly n: number;
  /** G: what weights become. */
  readonly weights: readonly (readonly [number, number, number])[];
  /** Bᵀ: `n` inputs become `n` factors. The statements come first, the results may be used once each. */
  input(asm: Assembler, x: readonly Local[]): Combination;
  /** Aᵀ: `n` products become `m` outputs. */
  output(asm: Assembler, products: readonly Local[]): Combination;
}

/** Sums that several results share, and the results. */
export interface Combination {
  readonly shared: readonly Expr[];
  readonly results: readonly Expr[];
}

const vectors = (asm: Assembler) => ({
  add: (a: Expr, b: Expr) => asm.op('f32x4.add', a, b),
  sub: (a: Expr, b: Expr) => asm.op('f32x4.sub', a, b),
  times: (factor: number, a: Expr) => asm.op('f32x4.mul', asm.f32x4(factor), a),
});

/** F(2, 3): 2.25 times fewer multiplications, and errors near those of plain sums. */
export const f2: WinogradForm = {
  m: 2,
  n: 4,
  weights: [
    [1, 0, 0],
    [1 / 2, 1 / 2, 1 / 2],
    [1 / 2, -1 / 2, 1 / 2],
    [0, 0, 1],
  ],

  input(asm, x) {
    const { add, sub } = vectors(asm);
    const [x0, x1, x2, x3] = x.map(({ get }) => get) as [Expr, Expr, Expr, Expr];
    return { shared: [], results: [sub(x0, x2), add(x1, x2), sub(x2, x1), sub(x1, x3)] };
  },

  output(asm, products) {
    const { add, sub } = vectors(asm);
    const [p0, p1, p2, p3] = products.map(({ get }) => get) as [Expr, Expr, Expr, Expr];
    return { shared: [], results: [add(add(p0, p1), p2), sub(sub(p1, p2), p3)] };
  },
};

/** F(4, 3): 4 times fewer multiplications, relative errors of about 1e-5. */
export const f4: WinogradForm = {
  m: 4,
  n: 6,
  weights: [
    [1 / 4, 0, 0],
    [-1 / 6, -1 / 6, -1 / 6],
    [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6],
    [0, 0, 1],
  ],

  input(asm, x) {
    const { add, sub, times } = vectors(asm);
    const [x0, x1, x2, x3, x4, x5] = x.map(({ get }) => get) as Six;
    const [a, b, c, d] = Array.from({ length: 4 }, () => asm.v128Local()) as Four;
    return {
      shared: [
        a.set(sub(x4, times(4, x2))),
        b.set(sub(x3, times(4, x1))),
        c.set(sub(x4, x2)),
        d.set(sub(x3, x1)),
        d.set(add(d.get, d.get)),
      ],
      results: [
        add(times(4, sub(x0, x2)), c.get),
        add(a.get, b.get),
        sub(a.get, b.get),
        add(c.get, d.get),
        sub(c.get, d.get),
        // 4 x1 − 5 x3 + x5
        sub(sub(x5, x3), add(d.get, d.get)),
      ],
    };
  },

  output(asm, products) {
    const { add, sub, times } = vectors(asm);
    const [p0, p1, p2, p3, p4, p5] = products.map(({ get }) => get) as Six;
    const [s, d, u, v] = Array.from({ length: 4 }, () => asm.v128Local()) as Four;
    return {
      shared: [
        s.set(add(p1, p2)),
        d.set(sub(p1, p2)),
        u.set(add(p3, p4)),
        v.set(sub(p3, p4)),
        v.set(add(v.get, v.get)),
      ],
      results: [
        add(add(p0, s.get), u.get),
        add(d.get, v.get),
        add(s.get, times(4, u.get)),
        add(add(d.get, times(4, v.get)), p5),
      ],
    };
  },
};

type Six = [Expr, Expr, Expr, Expr, Expr, Expr];
type Four = [Local, Local, Local, Local];
