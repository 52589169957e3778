// A convolution can pad for itself, and then starts in the margin of its operand: nothing is copied.

import { p, type Rule, rule } from '@espalier/ir';
import { definePass } from '../pass.ts';

const intoConv: Rule = rule(
  'conv(pad(x) by zeros) -> conv(x)',
  p.conv(p.pad(p.any('x')), p.any('w'), p.any('bias')),
  (m, b) => {
    const { before, after, value } = m.attrs('pad');
    const attrs = m.attrs('conv');
    const [top, left, bottom, right] = attrs.pads;
    const [n, c, up, leading] = before as [number, number, number, number]; // of an image
    const [lastN, lastC, down, trailing] = after as [number, number, number, number];
    if (value !== 0 || n > 0 || c > 0 || lastN > 0 || lastC > 0) return undefined;
    const pads = [top + up, left + leading, bottom + down, right + trailing] as const;
    return b.conv(m.node('x'), m.node('w'), m.node('bias'), { ...attrs, pads });
  },
);

export const foldPads = definePass({
  name: 'fold-pads',
  summary: 'Lets convolutions do the padding before them.',
  rules: [intoConv],
});
