// The digest that generated code computes is the one that the compiler writes down, and nothing goes unseen.

import { randomSource } from '@espalier/ir';
import t from 'tap';
import { digestOf } from '../../packages/compiler/src/emit/digest.ts';
import { assemble } from '../../packages/compiler/src/targets/wasm/assembler.ts';
import { digestRounds } from '../../packages/compiler/src/targets/wasm/digest.ts';
import { encodeModule } from '../../packages/compiler/src/targets/wasm/module.ts';

const random = randomSource(1);
const bytesOf = (length: number) => Uint8Array.from({ length }, () => 256 * random());

t.test('generated code digests as the compiler does', async (t) => {
  const body = assemble(3, false, (asm) => digestRounds.write(asm, ...asm.params));
  const code = encodeModule([body], 1) as Uint8Array<ArrayBuffer>;
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code), { e: { m: memory } });
  const digest = exports.f0 as (from: number, end: number, to: number) => void;
  for (const length of [64, 128, 192, 1024, 6400]) {
    const bytes = bytesOf(length);
    new Uint8Array(memory.buffer).set(bytes, 256);
    digest(256, 256 + length, 16);
    t.same([...new Int32Array(memory.buffer, 16, 4)], digestOf(bytes), `${length} bytes`);
  }
});

t.test('every flipped bit, every exchange and every loss shows', async (t) => {
  const bytes = bytesOf(256);
  const seen = new Set([`${digestOf(bytes)}`]);
  const other = (change: (copy: Uint8Array) => void): string => {
    const copy = bytes.slice();
    change(copy);
    return `${digestOf(copy)}`;
  };
  for (let bit = 0; bit < 8 * bytes.length; bit++)
    seen.add(other((copy) => (copy[bit >> 3]! ^= 1 << (bit & 7))));
  t.equal(seen.size, 1 + 8 * bytes.length, 'all single flips differ, also from one another');
  for (let at = 0; at < bytes.length; at += 16)
    for (let to = 0; to < at; to += 16)
      seen.add(other((copy) => copy.set([...bytes.slice(at, at + 16)], to)));
  t.equal(seen.size, 1 + 8 * bytes.length + 120, 'so do copies of a vector elsewhere');
  t.not(`${digestOf(bytes.subarray(64))}`, `${digestOf(bytes)}`, 'and a round that is missing');
  t.not(`${digestOf(new Uint8Array(64))}`, `${digestOf(new Uint8Array(128))}`, 'zeros count');
});
