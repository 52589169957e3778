// Targets know primitives only.

import { decompose } from '@espalier/ir';
import { definePass } from '../pass.ts';

export const lowerCompositions = definePass({
  name: 'lower-compositions',
  summary: 'Replaces ops that are made of others by what they are made of.',
  run: decompose,
});
