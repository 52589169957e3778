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
 */
export function lifetimes(
  steps: readonly { readonly args: readonly Address[] }[],
  ports: readonly Buffer[],
): Lifetime[] {
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
    for (const { buffer } of args) touch(buffer, step);
  });
  return [...found].map(([buffer, span]) => ({ buffer, ...span }));
}
