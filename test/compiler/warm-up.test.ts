// A warm-up computes nothing, ends, and leaves functions as they were.

import t from 'tap';
import { assemble } from '../../packages/compiler/src/targets/wasm/assembler.ts';
import { encodeModule } from '../../packages/compiler/src/targets/wasm/module.ts';

t.test('a function with rounds to warm up does nothing else', async (t) => {
  const body = assemble(1, false, (asm) => asm.store('i32.store', asm.params[0]!.get, asm.i32(7)));
  const code = encodeModule([body], 1) as Uint8Array<ArrayBuffer>;
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code), { e: { m: memory } });
  const [store, rounds] = [exports.f0 as (at: number) => void, exports.w as WebAssembly.Global];
  const word = () => new Int32Array(memory.buffer)[0];
  rounds.value = 1000;
  store(0);
  t.equal(word(), 0, 'nothing is written');
  t.equal(rounds.value, 0, 'no round is left');
  store(0);
  t.equal(word(), 7, 'the next call is a real one');
});
