// From calls to modules: bodies written for both modules, equal ones shared, addresses filled in.

import { type Assembler, assemble, type Expr, type FunctionBody, type Local } from './assembler.ts';
import { encodeModule } from './module.ts';
import type { Tally } from './tally.ts';

/** A body to write: a function of addresses. */
export interface Routine {
  readonly args: readonly unknown[];
  write(asm: Assembler, ...params: Local[]): Expr;
}

/** A routine in the modules. */
export interface Linked {
  /** The number of its function; equal bodies have the same. */
  readonly fn: number;
  /** What a call executes, in each module. */
  readonly tally: { readonly plain: Tally; readonly relaxed: Tally };
}

/** A routine's body for each module. */
export function bodiesOf({ args, write }: Routine): {
  readonly plain: FunctionBody;
  readonly relaxed: FunctionBody;
} {
  const body = (relaxed: boolean) =>
    assemble(args.length, relaxed, (asm) => write(asm, ...asm.params));
  return { plain: body(false), relaxed: body(true) };
}

/** Functions of both modules, under the same numbers. */
export interface Linker {
  /** Adds a routine, unless one of equal bodies is there. */
  add(routine: Routine): Linked;
  /** The two modules. `bounded` as in `encodeModule`. */
  link(
    pages: number,
    bounded: boolean,
  ): { readonly plain: Uint8Array; readonly relaxed: Uint8Array };
}

/** Bytes as a string that can be a key. */
const keyOf = ({ bytes, params }: FunctionBody): string =>
  `${params}:${Buffer.from(bytes).toString('latin1')}`;

/** An empty linker. */
export function createLinker(): Linker {
  const bodies: { readonly plain: FunctionBody; readonly relaxed: FunctionBody }[] = [];
  const numbers = new Map<string, number>();
  return {
    add(routine) {
      const pair = bodiesOf(routine);
      const tally = { plain: pair.plain.tally, relaxed: pair.relaxed.tally };
      const key = `${keyOf(pair.plain)} ${keyOf(pair.relaxed)}`;
      const known = numbers.get(key);
      if (known !== undefined) return { fn: known, tally };
      numbers.set(key, bodies.length);
      bodies.push(pair);
      return { fn: bodies.length - 1, tally };
    },
    link: (pages, bounded) => ({
      plain: encodeModule(
        bodies.map(({ plain }) => plain),
        pages,
        bounded,
      ),
      relaxed: encodeModule(
        bodies.map(({ relaxed }) => relaxed),
        pages,
        bounded,
      ),
    }),
  };
}
