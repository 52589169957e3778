// Sorts indices along an axis by merging runs, bottom up, which keeps equal elements in order.

import type { AttrsOf } from '@espalier/ir';
import type { Assembler, Expr, Local } from '../assembler.ts';
import type { Kernel } from '../kernel.ts';
import { loopsOf, nest } from '../walk.ts';

/** Writes the first `k` of all indices in the order of their elements. */
export const topK: Kernel = {
  name: 'topK',

  lower({ node, input, output, emit }) {
    const { axis, k, largest } = node.attrs as AttrsOf<'topK'>; // its op says so
    const x = input(0);
    const size = x.shape[axis]!;
    const kept = x.shape.map((_, a) => a).filter((a) => a !== axis);
    const loops = loopsOf(
      kept.map((a) => x.shape[a]!),
      [output, x].map(({ strides }) => kept.map((a) => strides[a]!)),
    );
    const memory = ['keys', 'order', 'merged'].map((what) =>
      emit.scratch(4 * size, `${what} of ${node.name}`),
    );

    emit.call({
      label: `topK ${node.name}`,
      args: [output.address, x.address, ...memory],
      write(asm, to, from, keys, first, second) {
        const key = x.dtype === 'f32' ? floatKey(asm) : (at: Expr) => asm.load('i32.load', at);
        const [source, target, index, word] = [0, 0, 0, 0].map(() => asm.i32Local());
        const prepare = asm.seq(
          source!.set(from!.get),
          target!.set(keys!.get),
          index!.set(first!.get),
          asm.range(
            word!,
            0,
            size,
            1,
            asm.seq(
              // Those that come first get the greater keys.
              asm.store(
                'i32.store',
                target!.get,
                asm.op('i32.xor', key(source!.get), asm.i32(largest ? 0 : -1)),
              ),
              asm.store('i32.store', index!.get, word!.get),
              source!.advance(4 * x.strides[axis]!),
              target!.advance(4),
              index!.advance(4),
            ),
          ),
        );
        const sorted = mergeSort(asm, size, keys!, first!, second!);
        const write = asm.seq(
          source!.set(sorted.result.get),
          target!.set(to!.get),
          nest(
            asm,
            [{ extent: k, steps: [4 * output.strides[axis]!, 4] }],
            [target!, source!],
            asm.store('i32.store', target!.get, asm.load('i32.load', source!.get)),
          ),
        );
        return nest(asm, loops, [to!, from!], asm.seq(prepare, sorted.run, write));
      },
    });
  },
};

/** An integer that orders as the float at an address does: both zeros are equal, NaN is the greatest. */
function floatKey(asm: Assembler): (at: Expr) => Expr {
  const value = asm.f32Local();
  const bits = asm.i32Local();
  return (at) =>
    asm.seq(
      value.set(asm.op('f32.add', asm.load('f32.load', at), asm.f32(0))), // −0 + 0 is 0
      bits.set(asm.op('i32.reinterpret_f32', value.get)),
      asm.op(
        'select',
        asm.i32(0x7fffffff),
        asm.op(
          'i32.xor',
          bits.get,
          asm.op('i32.shr_u', asm.op('i32.shr_s', bits.get, asm.i32(31)), asm.i32(1)),
        ),
        asm.op('f32.ne', value.get, value.get),
      ),
    );
}

/** Runs of 1, 2, 4, … indices are merged from one buffer into the other, the greater key first. */
function mergeSort(
  asm: Assembler,
  size: number,
  keys: Local,
  first: Local,
  second: Local,
): { readonly run: Expr; readonly result: Local } {
  const passes = Math.ceil(Math.log2(Math.max(1, size)));
  const [from, to, spare] = [asm.i32Local(), asm.i32Local(), asm.i32Local()];
  const [width, start, middle, end] = [0, 0, 0, 0].map(() => asm.i32Local());
  const [left, right, at, takesRight] = [0, 0, 0, 0].map(() => asm.i32Local());
  const pass = asm.i32Local();
  const bytes = 4 * size;
  const least = (value: Expr): Expr =>
    asm.seq(
      spare.set(value),
      asm.op('select', spare.get, asm.i32(bytes), asm.op('i32.lt_u', spare.get, asm.i32(bytes))),
    );
  /** The index at a place of the source, and the key of that index. */
  const indexAt = (place: Local) => asm.load('i32.load', asm.op('i32.add', from.get, place.get));
  const keyAt = (place: Local) =>
    asm.load(
      'i32.load',
      asm.op('i32.add', keys.get, asm.op('i32.shl', indexAt(place), asm.i32(2))),
    );
  const rightWins = asm.choose(
    'i32',
    asm.op('i32.ge_u', left!.get, middle!.get),
    asm.i32(1),
    asm.choose(
      'i32',
      asm.op('i32.ge_u', right!.get, end!.get),
      asm.i32(0),
      asm.op('i32.gt_s', keyAt(right!), keyAt(left!)),
    ),
  );
  const step = asm.seq(
    takesRight!.set(rightWins),
    asm.store(
      'i32.store',
      asm.op('i32.add', to.get, at!.get),
      asm.choose('i32', takesRight!.get, indexAt(right!), indexAt(left!)),
    ),
    asm.when(takesRight!.get, right!.advance(4), left!.advance(4)),
    at!.advance(4),
  );
  const merge = asm.seq(
    middle!.set(least(asm.op('i32.add', start!.get, width!.get))),
    end!.set(least(asm.op('i32.add', middle!.get, width!.get))),
    left!.set(start!.get),
    right!.set(middle!.get),
    at!.set(start!.get),
    asm.until(at!, end!.get, step, size),
    start!.set(end!.get),
  );
  const run = asm.seq(
    from.set(first.get),
    to.set(second.get),
    width!.set(asm.i32(4)),
    asm.range(
      pass,
      0,
      passes,
      1,
      asm.seq(
        start!.set(asm.i32(0)),
        asm.until(start!, asm.i32(bytes), merge),
        width!.advance(width!.get),
        spare.set(from.get),
        from.set(to.get),
        to.set(spare.get),
      ),
    ),
  );
  return { run, result: from };
}
