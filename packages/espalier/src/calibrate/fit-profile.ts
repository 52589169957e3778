// From what a device has reported to its profile.

import {
  type Caches,
  fitPrices,
  type Profile,
  type ProgramSample,
  type SimdModule,
  type StepSample,
} from '@espalier/compiler';
import { badMeasurements } from '../errors.ts';
import type { Measurements, Timing } from './measurements.ts';
import type { Subject, Subjects } from './subjects.ts';

/** What the measurements do not say: it is taken from elsewhere, with the source. */
export type DeviceFacts = Pick<
  Profile,
  'name' | 'title' | 'clockGHz' | 'vectorPipes' | 'bandwidthGBs' | 'caches' | 'cachesSource'
>;

/** The samples of one module: steps on their own, and whole programs. */
function samplesOf(
  subjects: ReadonlyMap<string, Subject>,
  { timings }: Measurements,
  module: SimdModule,
): { readonly steps: StepSample[]; readonly programs: ProgramSample[] } {
  const steps: StepSample[] = [];
  const programs: ProgramSample[] = [];
  for (const { id, ns } of leastOf(timings[module])) {
    const subject = subjects.get(id);
    if (!subject) throw badMeasurements(`${id} is not among what was to be timed`);
    const { timed } = subject.program;
    const expected = subject.manner === 'whole' ? 1 : timed.length;
    if (ns.length !== expected)
      throw badMeasurements(`${id} has ${ns.length} times where ${expected} are expected`);
    if (subject.manner === 'whole') programs.push({ steps: subject.work, ns: ns[0]! });
    else steps.push(...timed.map((step, i) => ({ work: subject.work[step]!, ns: ns[i]! })));
  }
  if (steps.length === 0) throw badMeasurements(`nothing was timed of the module ${module}`);
  return { steps, programs };
}

/** Of programs that were timed in several passes the least times. */
function leastOf(timings: readonly Timing[]): Timing[] {
  const least = new Map<string, Timing>();
  for (const timing of timings) {
    const known = least.get(timing.id);
    const same = known && known.ns.length === timing.ns.length;
    const ns = same ? timing.ns.map((time, i) => Math.min(time, known.ns[i]!)) : timing.ns;
    least.set(timing.id, { id: timing.id, ns });
  }
  return [...least.values()];
}

/**
 * The profile of a device.
 *
 * @throws {EspalierError} BAD_MEASUREMENTS
 */
export function fitProfile(
  subjects: Subjects,
  measurements: Measurements,
  facts: DeviceFacts,
): Profile {
  const byId = new Map<string, Subject>();
  for (let group = 0; group < subjects.count; group++)
    for (const subject of subjects.group(group)) byId.set(subject.id, subject);
  const { agent, cores, modules } = measurements;
  const prices = Object.fromEntries(
    modules.map((module) => {
      const { steps, programs } = samplesOf(byId, measurements, module);
      return [module, fitPrices(steps, programs, module, facts.caches satisfies Caches)] as const;
    }),
  );
  const [first, ...others] = modules as readonly [SimdModule, ...SimdModule[]]; // never empty
  return {
    ...facts,
    source: 'measured',
    derivation: `fitted to ${measurements.timings[first].length} programs, timed on the device by espalier calibrate`,
    engine: agent,
    modules: [first, ...others],
    cores: { value: cores, source: 'as the device says' },
    prices,
  };
}
