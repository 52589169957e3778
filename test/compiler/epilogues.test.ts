import { type Node, type OpNode, parseScalar } from '@espalier/ir';
import t from 'tap';
import { layouts, matches } from '../support/matches-reference.ts';

const sliding = { stride: [2, 1], dilation: [1, 1], pads: [1, 1, 1, 1] } as const;
const sum = { kind: 'sum', keepDims: true } as const;

t.test('ops whose kernels have no place for an epilogue get a pass of their own', async (t) => {
  for (const layout of layouts)
    matches(
      t,
      layout,
      ({ b, input }) => {
        const x = input('f32[2,3,7,5]', layout);
        const table = [input('i32[4,2]'), input('f32[4,2]')] as const;
        const nodes: readonly Node[] = [
          b.maxPool(x, { kernel: [3, 3], ...sliding }),
          b.sumPool(x, { kernel: [2, 3], ...sliding }),
          b.reduce(x, { ...sum, axes: [2, 3] }),
          b.softmax(x, { axis: 1 }),
          b.layerNorm(x, input('f32[5]'), input('f32[5]'), { axis: 3, epsilon: 1e-5 }),
          b.resample(x, ...table, { axis: 0 }),
          b.gather(x, input('i32[2]'), { axis: 3 }),
          b.concat([x, x], { axis: 1 }),
          b.pad(x, { before: [0, 1, 0, 2], after: [0, 0, 1, 0], value: -1.5 }),
        ];
        return nodes.flatMap((node) => {
          const op = node as OpNode; // the builder made it just now
          const extra = input(`f32[${node.type.shape[1]},1,1]`);
          return [
            b.withEpilogue(op, parseScalar('a0 * a1 + 1'), [extra]),
            b.withEpilogue(op, parseScalar('lt(a0, -1.25)'), []),
          ];
        });
      },
      { relative: 2e-6, absolute: 4e-6 },
    );
});
