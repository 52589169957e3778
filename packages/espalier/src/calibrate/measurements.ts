// What a device reports of a calibration, and how that is read: it comes from outside.

import { type SimdModule, simdModules } from '@espalier/compiler';
import { badMeasurements } from '../errors.ts';

/** The times of one program, in ns: one a step, or one for all of them. */
export interface Timing {
  readonly id: string;
  readonly ns: readonly number[];
}

/** Everything that a device has timed. */
export interface Measurements {
  /** What the device says it is. */
  readonly agent: string;
  readonly cores: number;
  /** The modules that it runs, the preferred first. */
  readonly modules: readonly SimdModule[];
  readonly timings: Readonly<Record<SimdModule, readonly Timing[]>>;
}

/** The largest report that is read. */
export const mostReportBytes = 8 << 20;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isTime = (value: unknown): value is number =>
  typeof value === 'number' && value >= 0 && value < 1e12;

function timingOf(value: unknown, at: string): Timing {
  if (!isRecord(value)) throw badMeasurements(`${at} is not an object`);
  const { id, ns } = value;
  if (typeof id !== 'string' || id.length > 200) throw badMeasurements(`${at}.id is not a name`);
  if (!Array.isArray(ns) || ns.length > 10_000 || !ns.every(isTime))
    throw badMeasurements(`${at}.ns is not a list of times`);
  return { id, ns };
}

/**
 * Reads a report.
 *
 * @throws {EspalierError} BAD_MEASUREMENTS
 */
export function parseMeasurements(text: string): Measurements {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw badMeasurements('they are not JSON', cause);
  }
  if (!isRecord(value)) throw badMeasurements('they are not an object');
  const { agent, cores, modules, timings } = value;
  if (typeof agent !== 'string' || agent.length > 1000)
    throw badMeasurements('agent is not a text');
  if (typeof cores !== 'number' || !(cores >= 1 && cores <= 1024))
    throw badMeasurements('cores is not a number of cores');
  const known = simdModules.filter((name) => Array.isArray(modules) && modules.includes(name));
  if (!Array.isArray(modules) || known.length !== modules.length || known.length === 0)
    throw badMeasurements('modules is not a list of modules');
  if (!isRecord(timings)) throw badMeasurements('timings is not an object');
  const list = (name: SimdModule): Timing[] => {
    const found = timings[name] ?? [];
    if (!Array.isArray(found) || found.length > 100_000)
      throw badMeasurements(`timings.${name} is not a list`);
    return found.map((timing, i) => timingOf(timing, `timings.${name}.${i}`));
  };
  return {
    agent,
    cores,
    // As the device prefers them.
    modules: modules.map((name) => known.find((one) => one === name)!),
    timings: { plain: list('plain'), relaxed: list('relaxed') },
  };
}
