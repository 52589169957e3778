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
