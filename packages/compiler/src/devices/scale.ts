// Prices of a device that nobody measured, from those of one that was.

import type { ModulePrices, PriceList, Profile } from './profile.ts';
import type { Feature, Prices } from './work.ts';

type Facts = Pick<Profile, 'clockGHz' | 'vectorPipes' | 'bandwidthGBs' | 'pairProducts'>;

/**
 * Kernels half of whose arithmetic are products of pairs of 16-bit integers, and the other half their sums. Fits cannot tell
 * it from the loads that come with it.
 */
const ofPairs = /^(conv|linear)-(.*-)?fixed/;

/** How many times as large a fact is there as here; 1 where either does not say, unless there is a usual value. */
const times = (there: Facts, here: Facts, fact: keyof Facts, usual?: number): number =>
  (there[fact]?.value ?? usual ?? 1) / (here[fact]?.value ?? usual ?? there[fact]?.value ?? 1);

/**
 * The prices of a measured device, scaled by public facts: everything by the clock, vector arithmetic by the
 * vector units besides, products of pairs by the instructions that they are, and what comes from memory by its bandwidth
 * alone. How well the cores use what they
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
  const pairs = (1 + times(to, from, 'pairProducts', 1)) / 2;
  const scaled = (ns: Prices, more: Partial<Record<Feature, number>> = {}): Prices =>
    Object.fromEntries(
      (Object.entries(ns) as [Feature, number][]) // the keys that the record declares
        .map(([feature, price]) => [
          feature,
          Number((price * (factors[feature] ?? clock) * (more[feature] ?? 1)).toPrecision(4)),
        ]),
    );
  const list = (
    { ns, measuredNs: [least, most] }: PriceList,
    more?: Partial<Record<Feature, number>>,
  ): PriceList => ({ ns: scaled(ns, more), measuredNs: [least * clock, most * clock] });
  const module = ({ any, epilogue, kernels, program }: ModulePrices): ModulePrices => ({
    any: list(any),
    epilogue: scaled(epilogue),
    kernels: Object.fromEntries(
      Object.entries(kernels).map(([name, prices]) => [
        name,
        list(
          prices,
          ofPairs.test(name) ? { arithmetic: pairs, splatLoad: pairs, vectorLoad: pairs } : {},
        ),
      ]),
    ),
    program: { step: program.step * clock, floor: scaled(program.floor) },
  });
  return Object.fromEntries(
    Object.entries(from.prices).map(([name, prices]) => [name, module(prices)]),
  );
}
