// Everything that can be wrong with a wish to fit a network to a device.

import { EspalierError } from '@espalier/ir';

const units = { ms: 'ms', bytes: 'bytes', memoryBytes: 'bytes of memory' } as const;

/** UNREACHABLE: a wish that no plan of the search space meets. */
export function unreachable(
  cost: keyof typeof units,
  wish: number,
  best: number,
  dense: number,
): EspalierError {
  const show = (value: number) =>
    `${cost === 'ms' ? value.toPrecision(3) : Math.ceil(value)} ${units[cost]}`;
  const speedup = cost === 'ms' ? `, ${(dense / best).toFixed(2)} times as fast as dense` : '';
  return new EspalierError(
    'UNREACHABLE',
    `${show(wish)} are out of reach; the best is ${show(best)}${speedup}`,
    { hint: 'ask for less, or let go of pinned schemes and sparsities' },
  );
}

/** UNKNOWN_LAYER: the configuration names a layer that the network does not have. */
export const unknownLayer = (name: string, known: readonly string[]): EspalierError =>
  new EspalierError('UNKNOWN_LAYER', `no layer that can be pruned is called ${name}`, {
    hint: `there are ${known.slice(0, 12).join(', ')}${known.length > 12 ? ', …' : ''}`,
  });

/** CANNOT_NARROW: the configuration asks for fewer channels of a layer that cannot lose any. */
export const cannotNarrow = (name: string, why: string): EspalierError =>
  new EspalierError('CANNOT_NARROW', `${name} cannot have fewer channels: ${why}`, {
    hint: 'take its width out of the configuration; width for the whole network leaves such layers alone',
  });

/** What a layer is called in messages about pins. */
export const nameOfPin = ({ node }: { readonly node: { readonly name: string } }): string =>
  node.name;

/** TOO_FEW_INPUTS: calibration inputs that cannot be split into two halves. */
export const tooFewInputs = (count: number): EspalierError =>
  new EspalierError('TOO_FEW_INPUTS', `${count} calibration inputs`, {
    hint: 'give at least 2; 64 or more make a good plan',
  });

/** BAD_CALIBRATION: a calibration input that does not fit the network. */
export const badInput = (name: string, why: string): EspalierError =>
  new EspalierError('BAD_CALIBRATION', `calibration input ${name}: ${why}`, {
    hint: 'calibration inputs have the types and shapes of the network’s own',
  });
