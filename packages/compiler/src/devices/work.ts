// What a step of a program does, in counts that every device has a price for.

import {
  type EpilogueKind,
  epilogueKinds,
  instructionKinds,
  type Tally,
} from '../targets/wasm/tally.ts';

/** The two modules of a program: without and with relaxed SIMD. */
export const simdModules = ['plain', 'relaxed'] as const;

/** One of `simdModules`. */
export type SimdModule = (typeof simdModules)[number];

/** Memory that a step walks over more than once. */
export interface Reread {
  /** Bytes that are read again, all rounds together. */
  readonly bytes: number;
  /** Bytes that are touched between two reads of the same: what a cache must hold. */
  readonly span: number;
}

/** One step. */
export interface Work {
  readonly label: string;
  /** Whose prices apply. */
  readonly kernel: string;
  /** Instructions that each module executes. */
  readonly tally: Readonly<Record<SimdModule, Tally>>;
  /** Bytes of the constants that it reads: nothing touched them since the inference before. */
  readonly constantBytes: number;
  /** Bytes of activations that it reads and writes. */
  readonly activationBytes: number;
  readonly rereads: readonly Reread[];
}

/** Where bytes come from that the first cache does not hold. */
export const levels = ['fromL2', 'fromL3', 'fromMemory'] as const;

/** What the price list of a kernel has an entry for. */
export const kernelFeatures = [...instructionKinds, 'call', ...levels] as const;

/** One of `kernelFeatures`. `call` is once a step; `from…` counts bytes that come from there. */
export type KernelFeature = (typeof kernelFeatures)[number];

/** All that has a price: that of an epilogue is one for all kernels. */
export const features = [...kernelFeatures, ...epilogueKinds] as const;

/** One of `features`. */
export type Feature = KernelFeature | EpilogueKind;

/** What a unit of each feature costs, in ns. */
export type Prices = Readonly<Partial<Record<Feature, number>>>;

/** How much of each feature a step, or several, has. */
export type Features = Readonly<Partial<Record<Feature, number>>>;

/** The caches that one core sees; 0 for one that is not there. */
export interface Caches {
  readonly l1Bytes: number;
  readonly l2Bytes: number;
  readonly l3Bytes: number;
}

/** How much of what was touched `span` bytes ago a cache still has: all, some, nothing. */
function held(span: number, cacheBytes: number): number {
  if (cacheBytes <= 0) return 0;
  // Other data, and lines that meet in one set, take their part.
  const [full, empty] = [0.75 * cacheBytes, 1.5 * cacheBytes];
  return Math.min(1, Math.max(0, (empty - span) / (empty - full)));
}

/** Where bytes come from that were touched `span` bytes ago; from the first level they are free. */
function streamed(bytes: number, span: number, caches: Caches): Features {
  const l1 = held(span, caches.l1Bytes);
  const l2 = Math.max(l1, held(span, caches.l2Bytes));
  const l3 = Math.max(l2, held(span, caches.l3Bytes));
  return { fromL2: bytes * (l2 - l1), fromL3: bytes * (l3 - l2), fromMemory: bytes * (1 - l3) };
}

/** The sum of features. */
export function sumOf(parts: readonly Features[]): Features {
  const total: Partial<Record<Feature, number>> = {};
  for (const part of parts)
    for (const feature of features) {
      const count = part[feature] ?? 0;
      if (count !== 0) total[feature] = (total[feature] ?? 0) + count;
    }
  return total;
}

/** Bytes that a step touches. */
export const footprint = ({ constantBytes, activationBytes }: Work): number =>
  constantBytes + activationBytes;

/** What comes from the levels of memory alone. */
export const levelsOf = (counts: Features): Features =>
  Object.fromEntries(levels.map((level) => [level, counts[level] ?? 0]));

/** Bytes that are touched between two runs of a step of a program. */
export const roundBytesOf = (steps: readonly Work[]): number =>
  steps.reduce((sum, { constantBytes }) => sum + constantBytes, 0) +
  steps.reduce((most, { activationBytes }) => Math.max(most, activationBytes), 0);

/**
 * The features of a step.
 *
 * @param roundBytes Bytes that are touched between two runs of the step: all of a program's for an
 * inference, the step's own footprint where it is run over and over.
 */
export function featuresOf(
  work: Work,
  module: SimdModule,
  caches: Caches,
  roundBytes: number = footprint(work),
): Features {
  return sumOf([
    work.tally[module],
    { call: 1 },
    streamed(work.constantBytes, Math.max(roundBytes, footprint(work)), caches),
    // The step before wrote what this one reads.
    streamed(work.activationBytes, Math.min(roundBytes, 2 * work.activationBytes), caches),
    ...work.rereads.map(({ bytes, span }) => streamed(bytes, span, caches)),
  ]);
}
