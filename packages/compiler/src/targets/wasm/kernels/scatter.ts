// Combines slices with updates: a copy of the operand, then one slice after the other.

import type { AttrsOf, DType } from '@espalier/ir';
import type { Kernel } from '../kernel.ts';
import type { OpcodeName } from '../opcodes.ts';
import { loopsOf, nest } from '../walk.ts';
import { emitCopy } from './copy.ts';

type Kind = AttrsOf<'scatter'>['kind'];

/** What combines floats in a machine word; the integer extremes have no instruction. */
const floats: Readonly<Record<Exclude<Kind, 'set'>, OpcodeName>> = {
  add: 'f32.add',
  mul: 'f32.mul',
  max: 'f32.max',
  min: 'f32.min',
};

const isFloat = (dtype: DType): boolean => dtype === 'f32';

/** Writes updates into slices along axis 0; an index outside of it is passed over. */
export const scatter: Kernel = {
  name: 'scatter',

  lower({ node, input, output, emit }) {
    const { kind } = node.attrs as AttrsOf<'scatter'>; // its op says so
    const [x, indices, updates] = [input(0), input(1), input(2)];
    emitCopy(emit, x, output, `scatter ${node.name}`);
    const [size] = x.shape as readonly [number];
    const [count] = indices.shape as readonly [number];
    const slice = x.shape.slice(1);
    const loops = loopsOf(slice, [output.strides.slice(1), updates.strides.slice(1)]);
    const inner = loops.at(-1);
    const runs = kind === 'set' && inner?.steps.every((step) => step === 4) === true;
    const float = isFloat(x.dtype);

    emit.call({
      label: `scatter ${node.name}`,
      args: [output.address, indices.address, updates.address],
      write(asm, to, table, from) {
        const [target, source, index] = [asm.i32Local(), asm.i32Local(), asm.i32Local()];
        const [own, update] = float
          ? [asm.f32Local(), asm.f32Local()]
          : [asm.i32Local(), asm.i32Local()];
        const [load, store] = float
          ? (['f32.load', 'f32.store'] as const)
          : (['i32.load', 'i32.store'] as const);
        const combined = () => {
          if (kind === 'set') return update.get;
          if (float) return asm.op(floats[kind], own.get, update.get);
          if (kind === 'add' || kind === 'mul') return asm.op(`i32.${kind}`, own.get, update.get);
          const wins = kind === 'max' ? 'i32.gt_s' : 'i32.lt_s';
          return asm.op('select', own.get, update.get, asm.op(wins, own.get, update.get));
        };
        const element = asm.seq(
          update.set(asm.load(load, source.get)),
          kind === 'set' ? asm.seq() : own.set(asm.load(load, target.get)),
          asm.store(store, target.get, combined()),
        );
        const whole = runs
          ? nest(
              asm,
              loops.slice(0, -1),
              [target, source],
              asm.copy(target.get, source.get, asm.i32(4 * inner.extent)),
            )
          : nest(asm, loops, [target, source], element);
        const one = asm.seq(
          index.set(asm.load('i32.load', table!.get)),
          asm.when(
            asm.op('i32.lt_u', index.get, asm.i32(size)), // a negative index is a large one
            asm.seq(
              target.set(
                asm.op(
                  'i32.add',
                  to!.get,
                  asm.op('i32.mul', index.get, asm.i32(4 * output.strides[0]!)),
                ),
              ),
              source.set(from!.get),
              whole,
            ),
          ),
        );
        const steps = [4 * indices.strides[0]!, 4 * updates.strides[0]!];
        return nest(asm, [{ extent: count, steps }], [table!, from!], one);
      },
    });
  },
};
