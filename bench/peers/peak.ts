// How fast can multiply-adds go that never leave the registers?

import { assemble, type Local } from '../../packages/compiler/src/targets/wasm/assembler.ts';
import { encodeModule } from '../../packages/compiler/src/targets/wasm/module.ts';

/** Independent sums: enough to hide the latency of an addition, few enough for 16 registers. */
const chains = 12;
const unrolled = 4;
const rounds = 1_000_000;

/** Floating-point operations of one call of a peak module. */
export const peakFlops = rounds * unrolled * chains * 4 * 2;

/** A module whose only function does nothing but multiply-adds, fused or as multiply and add. */
export function peakModule(relaxed: boolean): Uint8Array {
  const body = assemble(1, relaxed, (asm) => {
    const counter = asm.i32Local();
    const a = asm.v128Local();
    const b = asm.v128Local();
    const sums: Local[] = Array.from({ length: chains }, () => asm.v128Local());
    const once = asm.seq(...sums.map((sum) => asm.madd(sum, a.get, b.get)));
    const total = sums.map((sum) => sum.get).reduce((x, y) => asm.op('f32x4.add', x, y));
    return asm.seq(
      // Finite for ever: 1 · 2⁻³⁰ is added.
      a.set(asm.f32x4(1)),
      b.set(asm.f32x4(2 ** -30)),
      asm.range(counter, 0, rounds, 1, asm.seq(...Array.from({ length: unrolled }, () => once))),
      // Without a use of the sums an engine might leave them out.
      asm.store('v128.store', asm.params[0]!.get, total),
    );
  });
  return encodeModule([body], 1);
}

/** Which module an engine with these features runs, and how fast: GFLOP/s, the best of several calls. */
export async function measurePeak(plain: Uint8Array, relaxed: Uint8Array): Promise<number> {
  // Bytes of modules never lie in shared memory here.
  const bytes = (WebAssembly.validate(relaxed as BufferSource) ? relaxed : plain) as BufferSource;
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { instance } = await WebAssembly.instantiate(bytes, { e: { m: memory } });
  const { f0 } = instance.exports as { f0(address: number): void };
  let best = Number.POSITIVE_INFINITY;
  for (let call = 0; call < 12; call++) {
    const begin = performance.now();
    f0(0);
    best = Math.min(best, performance.now() - begin);
  }
  return peakFlops / best / 1e6;
}
