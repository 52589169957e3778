// Prices of a device that nobody measured, from those of one that was.

import type { ModulePrices, PriceList, Profile } from './profile.ts';
import type { Feature, Prices } from './work.ts';

type Facts = Pick<Profile, 'clockGHz' | 'vectorPipes' | 'bandwidthGBs'>;

/** How many times as large a fact is there as here; 1 where either does not say. */
const times = (there: Facts, here: Facts, fact: keyof Facts): number =>
  (there[fact]?.value ?? 1) / (here[fact]?.value ?? there[fact]?.value ?? 1);

/**
 * The prices of a measured device, scaled by public facts: everything by the clock, vector arithmetic by the
 * vector units besides, and what comes from memory by its bandwidth alone. How well the cores use what they
 * have is taken to be the same, so that a factor of two is a fair error.
 */
export function scaledPrices(from: Profile, to: Facts): Profile['prices'] {
  const clock = times(from, to, 'clockGHz');
  const vectors = clock * times(from, to, 'vectorPipes');
  const factors: Partial<Record<Feature, number>> = {
    arithmetic: vectors,
    epilogueArithmetic: vectors,
    epilogueFunction: vectors,
    fromMemory: times(from, to, 'bandwidthGBs'),
  };
  const scaled = (ns: Prices): Prices =>
    Object.fromEntries(
      (Object.entries(ns) as [Feature, number][]) // the keys that the record declares
        .map(([feature, price]) => [
          feature,
          Number((price * (factors[feature] ?? clock)).toPrecision(4)),
        ]),
    );
  const list = ({ ns, measuredNs: [least, most] }: PriceList): PriceList => ({
    ns: scaled(ns),
    measuredNs: [least * clock, most * clock],
  });
  const module = ({ any, epilogue, kernels, program }: ModulePrices): ModulePrices => ({
    any: list(any),
    epilogue: scaled(epilogue),
    kernels: Object.fromEntries(
      Object.entries(kernels).map(([name, prices]) => [name, list(prices)]),
    ),
    program: { step: program.step * clock, floor: scaled(program.floor) },
  });
  return Object.fromEntries(
    Object.entries(from.prices).map(([name, prices]) => [name, module(prices)]),
  );
}
