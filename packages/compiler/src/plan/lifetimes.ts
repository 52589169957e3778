// From when to when each buffer is needed, told by the calls that touch it.

import type { Address, Buffer } from './view.ts';

/** The first and the last step that touch a buffer. */
export interface Lifetime {
  readonly buffer: Buffer;
  readonly first: number;
  readonly last: number;
}

/**
 * Lifetimes over steps `0 … steps.length − 1`, in order of first use. Inputs live from before the first
 * step, since the caller writes them, outputs until after the last. Constants are not among them.
 *
 * @param groups Steps that may run at the same time, `[first, …, end]`: what one of them touches, all of
 *   them do.
 */
export function lifetimes(
  steps: readonly { readonly args: readonly Address[] }[],
  ports: readonly Buffer[],
  groups: readonly (readonly number[])[] = [],
): Lifetime[] {
  const together = new Map<number, readonly [number, number]>();
  for (const group of groups)
    for (let step = group[0]!; step < group.at(-1)!; step++)
      together.set(step, [group[0]!, group.at(-1)! - 1]);
  const found = new Map<Buffer, { first: number; last: number }>();
  const touch = (buffer: Buffer, step: number) => {
    if (buffer.kind === 'constant') return;
    const span = found.get(buffer) ?? { first: step, last: step };
    span.first = Math.min(span.first, step);
    span.last = Math.max(span.last, step);
    found.set(buffer, span);
  };
  for (const port of ports) touch(port, port.kind === 'input' ? -1 : steps.length);
  steps.forEach(({ args }, step) => {
    for (const { buffer } of args)
      for (const each of together.get(step) ?? [step]) touch(buffer, each);
  });
  return [...found].map(([buffer, span]) => ({ buffer, ...span }));
}
