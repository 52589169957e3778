// The words of a query, `net.onnx?shape=…&weights=f16`: one table says what each means.

import { badDirective, laterDirective, unknownDirective } from './errors.ts';
import { didYouMean, nearest } from './nearest.ts';
import { type Numbers, parseNumbers, showNumbers } from './numbers.ts';
import { parseShapes, type Shapes, showShapes } from './shapes.ts';
import { parseTarget, targetNames } from './targets.ts';

/** How constants of layers in floats are shipped. */
export const weightFormats = ['f32', 'f16', 'int8'] as const;

/** One of `weightFormats`. */
export type WeightFormat = (typeof weightFormats)[number];

/** What layers with constant weights are computed in. */
export const precisions = ['f32', 'int8'] as const;

/** One of `precisions`. */
export type Precision = (typeof precisions)[number];

/** A query with every directive given or defaulted. */
export interface Directives {
  /** The name of a device, or the path of a profile. */
  readonly target: string;
  readonly shape: Shapes;
  readonly input: Numbers;
  readonly weights: WeightFormat;
  readonly exact: boolean;
  /** For how many threads layers are cut into parts. */
  readonly threads: number;
  readonly precision: Precision;
  /** Path of a `.npy` file or a folder of them; empty for none. */
  readonly calib: string;
}

/** A word of the query: what it takes, and what stands where it is not given. */
interface Directive<T> {
  readonly summary: string;
  readonly default: T;
  /** What it means without a value; others need one. */
  readonly bare?: string;
  /** @throws {EspalierError} BAD_DIRECTIVE, LATER_DIRECTIVE */
  parse(text: string): T;
  /** The value in its one canonical form. */
  show(value: T): string;
}

/** As many parts as the runtime's pool can count. */
const mostThreads = 8;

type Table = { readonly [K in keyof Directives]: Directive<Directives[K]> };

/** The directives that this version obeys. */
export const directives: Table = {
  target: {
    summary: `the device to be fast on: ${targetNames.join(', ')}, or the path of a profile`,
    default: 'wasm',
    parse: parseTarget,
    show: (value) => value,
  },
  shape: {
    summary: 'closes open dimensions: shape=1x3x224x224, or by input: shape=x:1x3x8x8,y:1x4',
    default: {},
    parse: parseShapes,
    show: showShapes,
  },
  input: {
    summary: 'makes inputs constants: input=sr:16000, several by commas',
    default: {},
    parse: parseNumbers,
    show: showNumbers,
  },
  weights: {
    summary: 'how weights are shipped: f32, f16 or int8 with a scale for each channel',
    default: 'f32',
    parse(text) {
      const format = weightFormats.find((name) => name === text);
      if (!format) throw badDirective('weights', text, didYouMean(text, weightFormats));
      return format;
    },
    show: (value) => value,
  },
  exact: {
    summary: 'convolutions as plain sums, without Winograd: true or false',
    default: false,
    bare: 'true',
    parse(text) {
      if (text === 'true' || text === 'false') return text === 'true';
      throw badDirective('exact', text, 'write exact, exact=true or exact=false');
    },
    show: String,
  },
  threads: {
    summary: `layers in parts for so many threads, 1 to ${mostThreads}: they help in Node and in isolated pages`,
    default: 1,
    parse(text) {
      const threads = Number(text);
      if (Number.isInteger(threads) && threads >= 1 && threads <= mostThreads) return threads;
      throw badDirective('threads', text, `write a number from 1 to ${mostThreads}`);
    },
    show: String,
  },
  precision: {
    summary:
      'what layers are computed in: f32, or int8 with codes calibrated on the inputs of calib',
    default: 'f32',
    parse(text) {
      const precision = precisions.find((name) => name === text);
      if (!precision) throw badDirective('precision', text, didYouMean(text, precisions));
      return precision;
    },
    show: (value) => value,
  },
  calib: {
    summary: 'inputs to calibrate on: a .npy file or a folder of them, relative to the model',
    default: '',
    parse: (text) => text,
    show: (value) => value,
  },
};

const pruning = 'models are compiled as they are, without pruning';

/** Directives whose machinery comes later: refused by name, with the reason. */
export const laterDirectives: Readonly<Record<string, string>> = {
  latency: 'there is no search for a latency yet',
  speedup: 'there is no search for a speed yet',
  bytes: 'there is no search for a size yet',
  memory: 'there is no search for a memory bound yet',
  drop: pruning,
  scheme: pruning,
  sparsity: pruning,
  width: pruning,
  effort: pruning,
  seed: 'nothing is random in a build yet',
};

/** Words that the bundlers themselves take: an import with one of them is not ours. */
const foreign = ['url', 'raw', 'inline', 'no-inline', 'worker', 'sharedworker', 'init'];

/** Words that dev servers add to what the user wrote. */
const added = ['import', 't', 'v'];

/** The words of a query without `?`, decoded. */
const words = (query: string): [name: string, value: string | undefined][] =>
  query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const [name, ...rest] = part.split('=');
      return [decode(name!), rest.length > 0 ? decode(rest.join('=')) : undefined];
    });

/** Whether an import with this query belongs to the bundler: `?url`, `?raw`, … */
export const isForeign = (query: string): boolean =>
  words(query).some(([name, value]) => value === undefined && foreign.includes(name));

/** The query as the user wrote it, without what dev servers add. */
export const ownQuery = (query: string): string =>
  query
    .split('&')
    .filter((part) => !added.includes(part.split('=')[0]!))
    .join('&');

/**
 * Parses the query of an import, without `?`.
 *
 * @param target What is compiled for where the query does not say.
 * @throws {EspalierError} UNKNOWN_DIRECTIVE, BAD_DIRECTIVE, LATER_DIRECTIVE
 */
export function parseDirectives(query: string, target?: string): Directives {
  const given = new Map<string, unknown>();
  for (const [name, value] of words(query)) {
    const later = Object.hasOwn(laterDirectives, name) ? laterDirectives[name] : undefined;
    if (later) throw laterDirective(name, later);
    if (!isDirective(name)) {
      const all = [...Object.keys(directives), ...Object.keys(laterDirectives)];
      throw unknownDirective(name, nearest(name, all), Object.keys(directives).join(', '));
    }
    if (given.has(name)) throw badDirective(name, value ?? '', 'it is given twice');
    const { parse, summary, bare } = directives[name];
    const text = value || (value === undefined ? bare : undefined);
    if (!text) throw badDirective(name, '', summary);
    given.set(name, parse(text));
  }
  if (target !== undefined && !given.has('target')) given.set('target', parseTarget(target));
  const all = names.map((name) => [
    name,
    given.has(name) ? given.get(name) : directives[name].default,
  ]);
  // The table's own parsers made the values.
  return Object.fromEntries(all) as Directives;
}

/** The one form of equal queries: sorted, defaults left out. */
export function normalise(given: Directives): string {
  const show = <K extends keyof Directives>(name: K): string => {
    const value = directives[name].show(given[name]);
    return value === directives[name].show(directives[name].default) ? '' : `${name}=${value}`;
  };
  return names.map(show).filter(Boolean).sort().join('&');
}

// The keys of a literal table.
const names = Object.keys(directives) as (keyof Directives)[];

const isDirective = (name: string): name is keyof Directives => Object.hasOwn(directives, name);

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badDirective(text, '', 'a percent sign is written %25 in a query');
  }
}
