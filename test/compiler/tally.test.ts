// Instructions are counted as often as they run.

import { parse } from '@espalier/ir';
import t from 'tap';
import {
  type Assembler,
  assemble,
  type Expr,
} from '../../packages/compiler/src/targets/wasm/assembler.ts';
import { start, withKernel } from '../support/run-compiled.ts';

const tallyOf = (write: (asm: Assembler) => Expr, relaxed = false) =>
  assemble(1, relaxed, write).tally;

t.test('a loop multiplies what is inside it', async (t) => {
  const tally = tallyOf((asm) => {
    const [at] = asm.params as [Assembler['params'][number]];
    const load = asm.store('v128.store', at.get, asm.load('v128.load', at.get));
    return asm.range(asm.i32Local(), 0, 30, 10, asm.range(asm.i32Local(), 0, 5, 1, load));
  });
  t.equal(tally.vectorLoad, 15, 'three times five loads');
  t.equal(tally.vectorStore, 15, 'three times five stores');
  t.equal(tally.branch, 18, 'a branch a round of either loop');
});

t.test('loops of pointers say how often they run', async (t) => {
  const tally = tallyOf((asm) => {
    const [at] = asm.params as [Assembler['params'][number]];
    const end = asm.i32Local();
    return asm.seq(
      end.set(asm.op('i32.add', at.get, asm.i32(64))),
      asm.until(at, end.get, asm.seq(asm.store('i32.store', at.get, asm.i32(0)), at.advance(8)), 8),
    );
  });
  t.equal(tally.wordStore, 8, 'eight stores');
});

t.test('a multiply-add is two instructions where it is not fused', async (t) => {
  const body = (asm: Assembler) => {
    const sum = asm.v128Local();
    return asm.madd(sum, sum.get, sum.get);
  };
  t.equal(tallyOf(body).arithmetic, 2, 'a product and a sum');
  t.equal(tallyOf(body, true).arithmetic, 1, 'one instruction');
});

t.test('copies and fills count their bytes', async (t) => {
  const tally = tallyOf((asm) => {
    const [at] = asm.params as [Assembler['params'][number]];
    return asm.range(
      asm.i32Local(),
      0,
      3,
      1,
      asm.seq(asm.fill(at.get, asm.i32(0), asm.i32(100)), asm.copy(at.get, at.get, asm.i32(28))),
    );
  });
  t.equal(tally.bulk, 6, 'three of each');
  t.equal(tally.bulkByte, 384, '128 bytes a round');
});

t.test('what an epilogue does is counted apart, but for its stores', async (t) => {
  const tally = tallyOf((asm) => {
    const [at] = asm.params as [Assembler['params'][number]];
    const sum = asm.v128Local();
    const add = sum.set(asm.op('f32x4.add', sum.get, asm.load('v128.load', at.get)));
    return asm.seq(
      add,
      asm.epilogue('short', asm.range(asm.i32Local(), 0, 3, 1, add)),
      asm.epilogue('long', asm.seq(add, sum.set(asm.op('f32x4.div', sum.get, sum.get)))),
      asm.epilogue('short', asm.store('v128.store', at.get, asm.op('f32x4.max', sum.get, sum.get))),
    );
  });
  t.equal(tally.arithmetic, 1, 'the sum of the body');
  t.equal(tally.vectorLoad, 1, 'its load');
  t.equal(tally.epilogueArithmetic, 3, 'those of the short one');
  t.equal(tally.epilogueFunction, 1, 'that of the long one');
  t.equal(tally.epilogueLoad, 4, 'the loads of both');
  t.equal(tally.epilogueDivision, 1, 'a division');
  t.equal(tally.epilogueExtreme, 1, 'an extreme');
  t.equal(tally.vectorStore, 1, 'stores are the kernel’s');
});

t.test('an epilogue adds the same to whichever kernel computes the sums', async (t) => {
  const graph = (epilogue: string) =>
    parse(`
      x = input f32[1,16,12,12]
      w = constant f32[16,16,3,3] seed 1
      b = constant f32[16] seed 2
      y = conv(x, w, b) {dilation: [1, 1], groups: 1, pads: [1, 1, 1, 1], stride: [1, 1]}${epilogue}
      return y
    `);
  for (const name of ['conv-direct', 'conv-winograd-f4'])
    for (const module of ['plain', 'relaxed'] as const) {
      const tally = (epilogue: string) =>
        start(graph(epilogue), withKernel(name)).compiled.report.work.find(
          ({ kernel }) => kernel === name,
        )!.tally[module];
      const [bare, swish] = [tally(''), tally(' then a0 * min(max(a0 + 3, 0), 6) / 6')];
      const vectors = (16 * 12 * 12) / 4;
      t.equal(bare.epilogueArithmetic, undefined, `${name}: none without`);
      const { epilogueArithmetic = 0, epilogueDivision = 0 } = swish;
      t.equal((epilogueArithmetic + epilogueDivision) / vectors, 5, `${name}: five a vector`);
      t.equal(swish.arithmetic, bare.arithmetic, `${name}: the sums are the same`);
    }
});

t.test('the multiply-adds of a convolution are those of its shape', async (t) => {
  const { compiled } = start(
    parse(`
      x = input f32[1,16,10,12]
      w = constant f32[24,16,3,3] seed 1
      b = constant f32[24] seed 2
      y = conv(x, w, b) {dilation: [1, 1], groups: 1, pads: [0, 0, 0, 0], stride: [1, 1]}
      return y
    `),
    withKernel('conv-direct'),
  );
  const conv = compiled.report.work.find(({ kernel }) => kernel === 'conv-direct');
  const macs = 24 * 16 * 9 * 8 * 10;
  t.equal(conv?.tally.relaxed.arithmetic, macs / 4, 'four lanes an instruction');
  t.equal(conv?.tally.plain.arithmetic, macs / 2, 'two instructions where they are not fused');
  t.equal(conv?.constantBytes, 4 * (24 * 16 * 9 + 24), 'weights and bias are read');
});
