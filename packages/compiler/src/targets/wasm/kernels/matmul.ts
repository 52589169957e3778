// Batched products of matrices that are both computed: rows broadcast, columns in lanes.

import { broadcast } from '../../../plan/strides.ts';
import { rowMajor, type View } from '../../../plan/view.ts';
import type { Kernel } from '../kernel.ts';
import type { Loop } from '../walk.ts';
import { blockLanes, emitTiles, prefersBlocksOutside, tileRereads } from './tile.ts';

/** An operand with its batch axes broadcast to those of the result. */
function batched(view: View, batch: readonly number[]): View {
  return broadcast(view, [...batch, ...view.shape.slice(-2)]);
}

/** `[…, M, K] · […, K, N]`, the columns of the right operand dense in memory. */
export const matmul: Kernel = {
  name: 'matmul',
  wish: (node, index) => (index === 1 ? { unitAxis: node.inputs[1]!.type.shape.length - 1 } : {}),
  order: (node) => rowMajor(node.type.shape.length),

  lower({ node, input, output, extras, epilogue, emit }) {
    const batch = output.shape.slice(0, -2);
    const [a, b] = [batched(input(0), batch), batched(input(1), batch)];
    const [m, n] = output.shape.slice(-2) as [number, number];
    const k = a.shape.at(-1)!;
    const step = (view: View, fromEnd: number) => 4 * view.strides.at(-fromEnd)!;
    const outer = batch.map(
      (extent, axis): Loop => ({
        extent,
        steps: [a, b, { ...output, strides: batch.map(() => 0) }, output, ...extras].map(
          ({ strides }) => 4 * strides[axis]!,
        ),
      }),
    );
    const { address } = output;
    const [weightBytes, inputBytes] = [4 * k * n, 4 * m * k];
    const blocksOutside = prefersBlocksOutside(weightBytes, inputBytes) || m > 4;
    const blocks = Math.ceil(n / blockLanes);
    const matrices = batch.reduce((product, extent) => product * extent, 1);

    emit.call({
      label: `matmul ${node.name}`,
      rereads: tileRereads({ weightBytes, inputBytes, pixels: m, blocks, blocksOutside }).map(
        ({ bytes, span }) => ({ bytes: matrices * bytes, span }),
      ),
      // There is no bias; its pointer is never read.
      args: [a.address, b.address, address, address, ...extras.map((extra) => extra.address)],
      write: (asm, ...pointers) =>
        emitTiles(
          asm,
          {
            outer: outer.filter(({ extent }) => extent !== 1),
            fixedLoops: outer.filter(({ extent }) => extent !== 1).length,
            pixels: m,
            xPixelStep: step(a, 2),
            yPixelStep: step(output, 2),
            taps: {
              loops: [{ extent: k, step: step(a, 1) }],
              wTapStep: step(b, 2),
              wBlockStep: 4 * blockLanes,
            },
            outputs: n,
            hasBias: false,
            extras: extras.map((extra) => ({
              dtype: extra.dtype,
              pixelStep: step(extra, 2),
              laneStep: step(extra, 1),
            })),
            epilogue,
            blocksOutside,
          },
          pointers,
        ),
    });
  },
};
