// Weights on their way in: part after part is put into memory, verified and unpacked, and then of use.

import { badWeights } from './errors.ts';
import type { Step, Weights } from './program.ts';

/** Takes the bytes of a weights file as they arrive. */
export interface Arrival {
  /** How many steps of an inference have all that they need. */
  readonly ready: number;
  readonly isComplete: boolean;
  /** @throws {EspalierError} BAD_WEIGHTS, for bytes that are not those of the build */
  take(chunk: Uint8Array): void;
}

/**
 * The arrival of a weights file.
 *
 * @param source Where it comes from, for messages.
 */
export function createArrival(
  { parts, digest }: Weights,
  source: string,
  memory: WebAssembly.Memory,
  step: (step: Step) => void,
): Arrival {
  const bytes = new Uint8Array(memory.buffer);
  const found = new Int32Array(memory.buffer, digest.byteOffset, 4);
  let index = 0;
  let filled = 0;
  return {
    get ready() {
      return parts[index - 1]?.ready ?? 0;
    },
    get isComplete() {
      return index === parts.length;
    },
    take(chunk) {
      for (let at = 0; at < chunk.length && index < parts.length; ) {
        const { bytes: size, byteOffset, digest: wanted, unpack } = parts[index]!;
        const end = at + Math.min(size - filled, chunk.length - at);
        bytes.set(chunk.subarray(at, end), byteOffset + filled);
        filled += end - at;
        at = end;
        if (filled < size) return;
        step([digest.fn, byteOffset, byteOffset + size, digest.byteOffset]);
        if (`${found}` !== `${wanted}`) throw badWeights(source);
        unpack.forEach(step);
        index++;
        filled = 0;
      }
    },
  };
}
