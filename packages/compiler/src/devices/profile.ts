// What is known of a device: facts of its engine and memory, and what each kernel costs there.

import { badProfile } from '../errors.ts';
import { type EpilogueKind, epilogueKinds } from '../targets/wasm/tally.ts';
import { scaledPrices } from './scale.ts';
import {
  type Caches,
  type KernelFeature,
  kernelFeatures,
  levels,
  type SimdModule,
  simdModules,
} from './work.ts';

/** A number and where it is from. */
export interface Fact {
  readonly value: number;
  readonly source: string;
}

/** What one unit of each feature costs. */
export interface PriceList {
  /** Nanoseconds a unit; features that cost nothing are left out. */
  readonly ns: Readonly<Partial<Record<KernelFeature, number>>>;
  /** The shortest and the longest step that it was fitted to, in nanoseconds. */
  readonly measuredNs: readonly [number, number];
}

/** The prices of one module's code. */
export interface ModulePrices {
  /** For kernels that were not measured: fitted to all of them together. */
  readonly any: PriceList;
  /** Nanoseconds a unit of what epilogues do, in whichever kernel; what costs nothing is left out. */
  readonly epilogue: Readonly<Partial<Record<EpilogueKind, number>>>;
  readonly kernels: Readonly<Record<string, PriceList>>;
  readonly program: ProgramPrices;
}

/** What the steps of a program cost beyond what they do where each is run over and over. */
export interface ProgramPrices {
  /** Nanoseconds a step: its code and its operands are cold. */
  readonly step: number;
  /**
   * Nanoseconds a byte, by where it comes from: however few instructions a step executes, its data arrive
   * no faster. The others of a program have displaced them.
   */
  readonly floor: Readonly<Partial<Record<(typeof levels)[number], number>>>;
}

/** A device. */
export interface Profile {
  readonly name: string;
  readonly title: string;
  /** `measured` on the device, or `estimated` from public specifications. */
  readonly source: 'measured' | 'estimated';
  /** How the prices were found. */
  readonly derivation: string;
  readonly engine: string;
  /** Modules that its users' engines run, the most usual first; kernels are chosen for all of them. */
  readonly modules: readonly [SimdModule, ...SimdModule[]];
  readonly cores: Fact;
  readonly clockGHz?: Fact;
  /** Multiply-adds of four lanes that one core begins in a cycle. */
  readonly vectorPipes?: Fact;
  /** Instructions that a product of pairs of 16-bit integers becomes, where that is not 1. */
  readonly pairProducts?: Fact;
  /** Bytes that memory delivers, in 10⁹ a second. */
  readonly bandwidthGBs?: Fact;
  readonly caches: Caches;
  /** Where the sizes of the caches are from. */
  readonly cachesSource: string;
  /** Of these modules at least. */
  readonly prices: Readonly<Partial<Record<SimdModule, ModulePrices>>>;
}

/** The version of the form that this page reads and writes. */
export const profileFormat = 2;

type Path = string;

function record(value: unknown, at: Path): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badProfile(at, 'is not an object');
  return value as Readonly<Record<string, unknown>>; // just looked at
}

function text(value: unknown, at: Path): string {
  if (typeof value !== 'string' || value === '' || value.length > 2000)
    throw badProfile(at, 'is not a text of up to 2000 characters');
  return value;
}

function number(value: unknown, at: Path, least: number, most: number): number {
  if (typeof value !== 'number' || !(value >= least && value <= most))
    throw badProfile(at, `is not a number from ${least} to ${most}`);
  return value;
}

function oneOf<T extends string>(value: unknown, names: readonly T[], at: Path): T {
  const found = names.find((name) => name === value);
  if (found === undefined) throw badProfile(at, `is not one of ${names.join(', ')}`);
  return found;
}

/** The value of a known key; there are no others. */
function only(
  value: Readonly<Record<string, unknown>>,
  known: readonly string[],
  at: Path,
): Readonly<Record<string, unknown>> {
  for (const key of Object.keys(value))
    if (!known.includes(key)) throw badProfile(`${at}.${key}`, 'is not a known field');
  return value;
}

/** Numbers about the hardware, and the bounds of what is believed. */
const optionalFacts = {
  clockGHz: [0.01, 20],
  vectorPipes: [0.25, 64],
  pairProducts: [1, 16],
  bandwidthGBs: [0.01, 10_000],
} as const;

function fact(value: unknown, at: Path, least: number, most: number): Fact {
  const found = only(record(value, at), ['value', 'source'], at);
  return {
    value: number(found.value, `${at}.value`, least, most),
    source: text(found.source, `${at}.source`),
  };
}

/** Nanoseconds by name. */
function prices<T extends string>(
  value: unknown,
  names: readonly T[],
  at: Path,
): Partial<Record<T, number>> {
  const found: Partial<Record<T, number>> = {};
  for (const [name, price] of Object.entries(record(value, at)))
    found[oneOf(name, names, `${at}.${name}`)] = number(price, `${at}.${name}`, 0, 1e9);
  return found;
}

function priceList(value: unknown, at: Path): PriceList {
  const found = only(record(value, at), ['ns', 'measuredNs'], at);
  const range = found.measuredNs;
  if (!Array.isArray(range) || range.length !== 2)
    throw badProfile(`${at}.measuredNs`, 'is not a pair of numbers');
  const [least, most] = range.map((bound, i) => number(bound, `${at}.measuredNs.${i}`, 0, 1e15));
  return { ns: prices(found.ns, kernelFeatures, `${at}.ns`), measuredNs: [least!, most!] };
}

function modulePrices(value: unknown, at: Path): ModulePrices {
  const found = only(record(value, at), ['any', 'epilogue', 'kernels', 'program'], at);
  const program = only(record(found.program, `${at}.program`), ['step', 'floor'], `${at}.program`);
  const kernels = Object.entries(record(found.kernels, `${at}.kernels`));
  return {
    any: priceList(found.any, `${at}.any`),
    epilogue: prices(found.epilogue, epilogueKinds, `${at}.epilogue`),
    kernels: Object.fromEntries(
      kernels.map(([name, list]) => [name, priceList(list, `${at}.kernels.${name}`)]),
    ),
    program: {
      step: number(program.step, `${at}.program.step`, 0, 1e9),
      floor: prices(program.floor, levels, `${at}.program.floor`),
    },
  };
}

/**
 * Reads a profile. In place of `prices` it may say `scaledFrom`: then they are those of another device,
 * scaled by what the two say of their clocks, vector units and memory.
 *
 * @param file What messages call it.
 * @param named Finds the profile of a name to scale from.
 * @throws {EspalierError} BAD_PROFILE
 */
export function parseProfile(
  json: string,
  file: string,
  named: (name: string) => Profile | undefined = () => undefined,
): Profile {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw badProfile(file, 'is not JSON', cause);
  }
  const found = only(
    record(value, file),
    [
      ...['format', 'name', 'title', 'source', 'derivation', 'engine', 'modules', 'cores'],
      ...['caches', 'cachesSource', 'prices', 'scaledFrom', ...Object.keys(optionalFacts)],
    ],
    file,
  );
  const at = (key: string) => `${file}: ${key}`;
  number(found.format, at('format'), profileFormat, profileFormat);
  const modules = found.modules;
  if (!Array.isArray(modules) || modules.length < 1 || modules.length > simdModules.length)
    throw badProfile(at('modules'), `is not a list of ${simdModules.join(', ')}`);
  const [first, ...others] = modules.map((name) => oneOf(name, simdModules, at('modules')));
  const caches = only(
    record(found.caches, at('caches')),
    ['l1Bytes', 'l2Bytes', 'l3Bytes'],
    at('caches'),
  );
  const size = (key: string) => number(caches[key], at(`caches.${key}`), 0, 1e12);
  const facts: Partial<Record<keyof typeof optionalFacts, Fact>> = {};
  for (const [name, [least, most]] of Object.entries(optionalFacts))
    if (found[name] !== undefined)
      facts[name as keyof typeof optionalFacts] = fact(found[name], at(name), least, most); // a key
  const device = {
    name: text(found.name, at('name')),
    title: text(found.title, at('title')),
    source: oneOf(found.source, ['measured', 'estimated'] as const, at('source')),
    derivation: text(found.derivation, at('derivation')),
    engine: text(found.engine, at('engine')),
    modules: [first!, ...others] as const,
    cores: fact(found.cores, at('cores'), 1, 1024),
    ...facts,
    caches: { l1Bytes: size('l1Bytes'), l2Bytes: size('l2Bytes'), l3Bytes: size('l3Bytes') },
    cachesSource: text(found.cachesSource, at('cachesSource')),
  };
  if (found.scaledFrom !== undefined) {
    const from = named(text(found.scaledFrom, at('scaledFrom')));
    if (!from) throw badProfile(at('scaledFrom'), 'names no profile');
    if (found.prices !== undefined) throw badProfile(at('prices'), 'stand beside scaledFrom');
    return { ...device, prices: scaledPrices(from, device) };
  }
  const byModule = only(record(found.prices, at('prices')), simdModules, at('prices'));
  return {
    ...device,
    prices: Object.fromEntries(
      simdModules
        .filter((name) => byModule[name] !== undefined || modules.includes(name))
        .map((name) => [name, modulePrices(byModule[name], at(`prices.${name}`))]),
    ),
  };
}

/** The text of a profile: the same for equal profiles. */
export const showProfile = (profile: Profile): string =>
  `${JSON.stringify({ format: profileFormat, ...profile }, undefined, 2)}\n`;
