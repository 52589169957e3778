// Operators that fold axes, and normalisations.

import type { Node } from '@espalier/ir';
import { resolveAxis } from '../../tensorflow/room.ts';
import type { Operators, Site } from '../operator.ts';
import type { Options } from '../options.ts';
import { same } from './tensorflow.ts';

const folded: Options = { table: 27, fields: { keep_dims: [0, 'int8'] } };

const last = (site: Site): number => resolveAxis(site, -1, site.input(0).type.shape.length);

/** `softmax(β · x)` over the last axis. */
function softmax(site: Site): Node {
  const { b, attributes } = site;
  const beta = attributes.float('beta', 1);
  const x = site.input(0);
  const scaled = beta === 1 ? x : b.scalar('mul', x, b.value(beta));
  return b.softmax(scaled, { axis: last(site) });
}

const leastNorm = 1e-6;

/** Vectors along the last axis, of length 1. */
function unitLength(site: Site): Node {
  const { b } = site;
  const x = site.input(0);
  const squares = b.scalar('mul', x, x);
  const sum = b.reduce(squares, { kind: 'sum', axes: [last(site)], keepDims: true });
  return b.scalar('div', x, b.scalar('max', b.scalar('sqrt', sum), b.value(leastNorm)));
}

/** Operators that fold axes, by name. */
export const reductions: Operators = {
  ARG_MAX: same('ArgMax', { moves: true }),
  ARG_MIN: same('ArgMin', { moves: true }),
  CUMSUM: same('Cumsum', {
    options: { table: 102, fields: { exclusive: [0, 'int8'], reverse: [1, 'int8'] } },
  }),
  L2_NORMALIZATION: {
    options: { table: 12, fields: { activation: [0, 'int8'] } },
    import: unitLength,
  },
  LOCAL_RESPONSE_NORMALIZATION: same('LRN', {
    options: {
      table: 13,
      fields: {
        depth_radius: [0, 'int32'],
        bias: [1, 'float32'],
        alpha: [2, 'float32'],
        beta: [3, 'float32'],
      },
    },
  }),
  LOG_SOFTMAX: same('LogSoftmax'),
  MEAN: same('Mean', { options: folded }),
  REDUCE_ALL: same('All', { options: folded }),
  REDUCE_ANY: same('Any', { options: folded }),
  REDUCE_MAX: same('Max', { moves: true, options: folded }),
  REDUCE_MIN: same('Min', { moves: true, options: folded }),
  REDUCE_PROD: same('Prod', { options: folded }),
  SOFTMAX: { options: { table: 9, fields: { beta: [0, 'float32'] } }, import: softmax },
  SUM: same('Sum', { options: folded }),
};
