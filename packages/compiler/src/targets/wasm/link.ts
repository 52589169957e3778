// From calls to modules: bodies written for both modules, equal ones shared, addresses filled in.

import { type Assembler, assemble, type Expr, type FunctionBody, type Local } from './assembler.ts';
import { encodeModule } from './module.ts';

/** A body to write: a function of addresses. */
export interface Routine {
  readonly args: readonly unknown[];
  write(asm: Assembler, ...params: Local[]): Expr;
}

/** Functions of both modules, under the same numbers. */
export interface Linker {
  /** The number of a routine's function; equal bodies have the same. */
  add(routine: Routine): number;
  /** The two modules. */
  link(pages: number): { readonly plain: Uint8Array; readonly relaxed: Uint8Array };
}

/** Bytes as a string that can be a key. */
const keyOf = ({ bytes, params }: FunctionBody): string =>
  `${params}:${Buffer.from(bytes).toString('latin1')}`;

/** An empty linker. */
export function createLinker(): Linker {
  const bodies: { readonly plain: FunctionBody; readonly relaxed: FunctionBody }[] = [];
  const numbers = new Map<string, number>();
  return {
    add({ args, write }) {
      const body = (relaxed: boolean) =>
        assemble(args.length, relaxed, (asm) => write(asm, ...asm.params));
      const pair = { plain: body(false), relaxed: body(true) };
      const key = `${keyOf(pair.plain)} ${keyOf(pair.relaxed)}`;
      const known = numbers.get(key);
      if (known !== undefined) return known;
      numbers.set(key, bodies.length);
      bodies.push(pair);
      return bodies.length - 1;
    },
    link: (pages) => ({
      plain: encodeModule(
        bodies.map(({ plain }) => plain),
        pages,
      ),
      relaxed: encodeModule(
        bodies.map(({ relaxed }) => relaxed),
        pages,
      ),
    }),
  };
}
