// A product by a constant matrix is a layer with weights: they can be packed, stored small and pruned.

import { p, rule, type Tensor } from '@espalier/ir';
import { definePass } from '../pass.ts';

/** `[K, N]` to `[N, K]`. */
function swapped({ type, data }: Tensor): Tensor {
  const [k, n] = [type.shape[0]!, type.shape[1]!];
  const out = new Float32Array(data.length);
  for (let i = 0; i < k; i++) for (let j = 0; j < n; j++) out[j * k + i] = data[i * n + j]!;
  return { type: { dtype: 'f32', shape: [n, k] }, data: out };
}

export const makeLinear = definePass({
  name: 'make-linear',
  summary: 'Turns products by a constant matrix into linear layers.',
  rules: [
    rule('matmul(x, constant) -> linear', p.matmul(p.any('x'), p.constant('w')), (m, b) => {
      const [w] = m.tensors('w');
      if (w.type.shape.length !== 2 || m.node('x').type.shape.length < 2) return undefined;
      const bias = b.constant({
        type: { dtype: 'f32', shape: [w.type.shape[1]!] },
        data: new Float32Array(w.type.shape[1]!),
      });
      return b.linear(m.node('x'), b.constant(swapped(w), m.node('w').name), bias);
    }),
  ],
});
