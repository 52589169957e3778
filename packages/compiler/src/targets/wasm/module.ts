// Puts functions into a WebAssembly module: one imported memory, one export a function.

import type { FunctionBody } from './assembler.ts';
import { type ByteWriter, createWriter } from './bytes.ts';

/**
 * Encodes a module that imports its memory as `e.m` and exports the functions as `f0`, `f1`, …, and the rounds of
 * their warm-up as `w`.
 *
 * @param pages Smallest memory that it may be given, in 64 KiB pages.
 * @param bounded Whether that is its largest size too, as shared memory demands.
 */
export function encodeModule(
  functions: readonly FunctionBody[],
  pages: number,
  bounded = false,
): Uint8Array {
  const module = createWriter();
  module.bytes([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  const section = (id: number, write: (s: ByteWriter) => void) => {
    const content = createWriter();
    write(content);
    module.u8(id);
    module.leb(content.length);
    module.bytes(content.finish());
  };
  const arities = [...new Set(functions.map((f) => f.params))].sort((a, b) => a - b);

  section(1, (s) => {
    s.leb(arities.length);
    for (const arity of arities) {
      s.u8(0x60);
      s.leb(arity);
      for (let i = 0; i < arity; i++) s.u8(0x7f);
      s.leb(0);
    }
  });
  section(2, (s) => {
    s.leb(1);
    s.text('e');
    s.text('m');
    s.bytes([2, bounded ? 1 : 0]);
    s.leb(pages);
    if (bounded) s.leb(pages);
  });
  section(3, (s) => {
    s.leb(functions.length);
    for (const f of functions) s.leb(arities.indexOf(f.params));
  });
  section(6, (s) => s.bytes([1, 0x7f, 1, 0x41, 0, 0x0b])); // one mutable i32, 0
  section(7, (s) => {
    s.leb(functions.length + 1);
    s.text('w');
    s.bytes([3, 0]);
    functions.forEach((_, index) => {
      s.text(`f${index}`);
      s.u8(0);
      s.leb(index);
    });
  });
  section(10, (s) => {
    s.leb(functions.length);
    for (const f of functions) {
      s.leb(f.bytes.length);
      s.bytes(f.bytes);
    }
  });
  return module.finish();
}
