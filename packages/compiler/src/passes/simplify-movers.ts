// Data movers that undo each other, or do nothing.

import { type AttrsOf, p, type Rule, rule, sameShape } from '@espalier/ir';
import { definePass } from '../pass.ts';

const isIdentity = (perm: readonly number[]): boolean => perm.every((axis, i) => axis === i);

const rules: readonly Rule[] = [
  rule('reshape to its own shape -> x', p.reshape(p.any('x')), (m) =>
    sameShape(m.node('x').type.shape, m.attrs('reshape').shape) ? m.node('x') : undefined,
  ),
  rule('reshape(reshape) -> reshape', p.reshape(p.reshape(p.any('x'))), (m, b) =>
    b.reshape(m.node('x'), m.attrs('reshape')),
  ),
  rule('transpose by nothing -> x', p.transpose(p.any('x')), (m) =>
    isIdentity(m.attrs('transpose').perm) ? m.node('x') : undefined,
  ),
  rule('transpose(transpose) -> transpose', p.transpose(p.transpose(p.any('x'))), (m, b) => {
    const [outer, inner] = m.matched.map(({ attrs }) => (attrs as AttrsOf<'transpose'>).perm);
    return b.transpose(m.node('x'), { perm: outer!.map((axis) => inner![axis]!) });
  }),
  rule('expand to its own shape -> x', p.expand(p.any('x')), (m) =>
    sameShape(m.node('x').type.shape, m.attrs('expand').shape) ? m.node('x') : undefined,
  ),
  rule('slice of everything -> x', p.slice(p.any('x')), (m) => {
    const { sizes, steps } = m.attrs('slice');
    const whole = sameShape(m.node('x').type.shape, sizes);
    return whole && steps.every((step, i) => step === 1 || sizes[i]! <= 1)
      ? m.node('x')
      : undefined;
  }),
  rule('pad by nothing -> x', p.pad(p.any('x')), (m) =>
    sameShape(m.node('x').type.shape, m.root.type.shape) ? m.node('x') : undefined,
  ),
  rule('concat of one -> x', p.concat([p.any('x')]), (m) => m.node('x')),
];

export const simplifyMovers = definePass({
  name: 'simplify-movers',
  summary: 'Removes data movers that do nothing, and merges pairs of them.',
  rules,
});
