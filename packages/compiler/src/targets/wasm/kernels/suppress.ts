// Greedy suppression of overlapping boxes: each candidate against those that have stayed.

import type { AttrsOf } from '@espalier/ir';
import { rowMajor } from '../../../plan/view.ts';
import type { Assembler, Expr, Local } from '../assembler.ts';
import type { Kernel } from '../kernel.ts';
import { nest } from '../walk.ts';

const boxBytes = 16;

/** Keeps the boxes that stay, and their areas, in a list of their own. */
export const suppress: Kernel = {
  name: 'suppress',
  wish: (node, index) => ({ dense: rowMajor(node.inputs[index]!.type.shape.length) }),
  order: () => rowMajor(2),
  writesDense: true,

  lower({ node, input, output, emit }) {
    const { iouThreshold, most } = node.attrs as AttrsOf<'suppress'>; // its op says so
    const [boxes, candidates] = [input(0), input(1)];
    const [groups, count] = output.shape as readonly [number, number];
    const list = emit.scratch(boxBytes * Math.min(most, count) + boxBytes, `list of ${node.name}`);

    emit.call({
      label: `suppress ${node.name}`,
      args: [output.address, boxes.address, candidates.address, list],
      write(asm, to, from, allowed, stayed) {
        const [end, other, stays] = [asm.i32Local(), asm.i32Local(), asm.i32Local()];
        const full = boxBytes * Math.min(most, count);
        const exceeds = overlapTest(asm, from!, other, iouThreshold);
        const compareAll = asm.seq(
          other.set(stayed!.get),
          asm.block((found) =>
            asm.loop(
              (again) =>
                asm.seq(
                  asm.branchIf(found, asm.op('i32.eq', other.get, end.get)),
                  asm.when(exceeds, asm.seq(stays.set(asm.i32(0)), other.set(end.get))),
                  asm.branchIf(found, asm.op('i32.eqz', stays.get)),
                  other.advance(boxBytes),
                  asm.branch(again),
                ),
              Math.min(most, count) / 2,
            ),
          ),
        );
        const one = asm.seq(
          stays.set(
            asm.op(
              'i32.and',
              asm.load('i32.load', allowed!.get),
              asm.op('i32.ne', end.get, asm.op('i32.add', stayed!.get, asm.i32(full))),
            ),
          ),
          asm.when(stays.get, compareAll),
          asm.store('i32.store', to!.get, stays.get),
          asm.when(
            stays.get,
            asm.seq(
              asm.store('v128.store', end.get, asm.load('v128.load', from!.get)),
              end.advance(boxBytes),
            ),
          ),
        );
        const steps = [4, boxBytes, 4];
        return nest(
          asm,
          [{ extent: groups, steps: steps.map((step) => step * count) }],
          [to!, from!, allowed!],
          asm.seq(
            end.set(stayed!.get),
            nest(asm, [{ extent: count, steps }], [to!, from!, allowed!], one),
            ...[to!, from!, allowed!].map((pointer, i) => pointer.advance(-steps[i]! * count)),
          ),
        );
      },
    });
  },
};

/** Value: whether the boxes at two addresses overlap by more than the threshold. */
function overlapTest(asm: Assembler, a: Local, b: Local, threshold: number): Expr {
  const [areaA, areaB, height, width] = [0, 0, 0, 0].map(() => asm.f32Local());
  const at = (box: Local, word: number) => asm.load('f32.load', box.get, 4 * word);
  const area = (box: Local) =>
    asm.op(
      'f32.mul',
      asm.op('f32.sub', at(box, 2), at(box, 0)),
      asm.op('f32.sub', at(box, 3), at(box, 1)),
    );
  const shared = (axis: number) =>
    asm.op(
      'f32.max',
      asm.f32(0),
      asm.op(
        'f32.sub',
        asm.op('f32.min', at(a, axis + 2), at(b, axis + 2)),
        asm.op('f32.max', at(a, axis), at(b, axis)),
      ),
    );
  const common = asm.op('f32.mul', height!.get, width!.get);
  const union = asm.op('f32.sub', asm.op('f32.add', areaA!.get, areaB!.get), common);
  return asm.seq(
    areaA!.set(area(a)),
    areaB!.set(area(b)),
    height!.set(shared(0)),
    width!.set(shared(1)),
    asm.op(
      'i32.and',
      asm.op(
        'i32.and',
        asm.op('f32.gt', areaA!.get, asm.f32(0)),
        asm.op('f32.gt', areaB!.get, asm.f32(0)),
      ),
      asm.op('f32.gt', asm.op('f32.div', common, union), asm.f32(Math.fround(threshold))),
    ),
  );
}
