// The words of a query, `net.onnx?shape=…&weights=f16`: one table says what each means.

import { type StrategyName, strategies } from '@espalier/search';
import { type SchemeName, schemes } from '@espalier/sparsity';
import { badDirective, unknownDirective } from './errors.ts';
import { didYouMean, nearest } from './nearest.ts';
import { type Check, numberOf, parseBytes, positive, whole } from './number.ts';
import { type Numbers, parseNumbers, showNumbers } from './numbers.ts';
import { parseShapes, type Shapes, showShapes } from './shapes.ts';
import { parseTarget, targetNames } from './targets.ts';

/** How constants of layers in floats are shipped. */
export const weightFormats = ['f32', 'f16', 'int8'] as const;

/** One of `weightFormats`. */
export type WeightFormat = (typeof weightFormats)[number];

/** What layers with constant weights are computed in. */
export const precisions = ['auto', 'f32', 'int16', 'int8'] as const;

/** One of `precisions`. */
export type Precision = (typeof precisions)[number];

/** A query with every directive given or defaulted. */
export interface Directives {
  /** The name of a device, or the path of a profile. */
  readonly target: string;
  /** What closes open dimensions, for each program that is made. */
  readonly shape: readonly Shapes[];
  readonly input: Numbers;
  /** Values of the model that become its outputs; none for those that it declares. */
  readonly outputs: readonly string[];
  readonly weights: WeightFormat;
  readonly exact: boolean;
  /** For how many threads layers are cut into parts. */
  readonly threads: number;
  readonly precision: Precision;
  /** Path of a file, a folder or a module of inputs; empty for none. */
  readonly calib: string;
  /** Milliseconds that an inference may take on the target. */
  readonly latency: number | undefined;
  /** How many times as fast as the dense network. */
  readonly speedup: number | undefined;
  /** Bytes that may be loaded: weights, and one module of code. */
  readonly bytes: number | undefined;
  /** Bytes of weights and activations in memory. */
  readonly memory: number | undefined;
  /** Allowed loss of the metric; 0 asks for no search. */
  readonly drop: number;
  readonly scheme: SchemeName | 'none' | undefined;
  /** In [0, 1). */
  readonly sparsity: number | undefined;
  /** The part of the channels that stays, in (0, 1]. */
  readonly width: number | undefined;
  /** Who picks what becomes of each layer. */
  readonly strategy: StrategyName;
  readonly seed: number;
  /** The most plans that are carried out and judged. */
  readonly effort: number;
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

// The tables' keys.
const schemeNames = ['none', ...(Object.keys(schemes) as SchemeName[])] as const;
const strategyNames = Object.keys(strategies) as StrategyName[];

/** One of some names. */
const oneOf = <T extends string, D extends T | undefined>(
  name: string,
  summary: string,
  names: readonly T[],
  fallback: D,
): Directive<T | D> => ({
  summary,
  default: fallback,
  parse(text) {
    const found = names.find((one) => one === text);
    if (!found) throw badDirective(name, text, didYouMean(text, names));
    return found;
  },
  show: (value) => value ?? '',
});

/** A number that may be left out. */
const optional = (
  name: string,
  summary: string,
  check: Check,
  read?: (text: string) => number,
): Directive<number | undefined> => ({
  summary,
  default: undefined,
  parse: (text) => numberOf(name, text, check, read),
  show: (value) => (value === undefined ? '' : String(value)),
});

/** The directives that this version obeys. */
export const directives: Table = {
  target: {
    summary: `the device to be fast on: ${targetNames.join(', ')}, or the path of a profile`,
    default: 'wasm',
    parse: parseTarget,
    show: (value) => value,
  },
  shape: {
    summary:
      'closes open dimensions: shape=1x3x224x224, or by input: shape=x:1x3x8x8,y:1x4; several by semicolons',
    default: [{}],
    parse: parseShapes,
    show: showShapes,
  },
  input: {
    summary: 'makes inputs constants: input=sr:16000, several by commas',
    default: {},
    parse: parseNumbers,
    show: showNumbers,
  },
  outputs: {
    summary: 'values of the model that become its outputs: outputs=boxes,scores',
    default: [],
    parse(text) {
      const list = text.split(',');
      const fine = list.every((name) => name !== '') && new Set(list).size === list.length;
      if (fine) return list;
      throw badDirective('outputs', text, 'write outputs=boxes,scores, each name once');
    },
    show: (value) => value.join(','),
  },
  weights: oneOf(
    'weights',
    'how weights are shipped: f32, f16 or int8 with a scale for each channel',
    weightFormats,
    'f32',
  ),
  exact: {
    summary:
      'convolutions as plain sums, without Winograd, and quotients by numbers as such: true or false',
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
  precision: oneOf(
    'precision',
    'what layers are computed in: f32, int16 or, with codes calibrated on the inputs of calib, int8; auto is f32, and int16 where a search finds it good',
    precisions,
    'auto',
  ),
  calib: {
    summary:
      'inputs to calibrate on: pictures, .npy files, a folder of either, or a module, relative to the model',
    default: '',
    parse: (text) => text,
    show: (value) => value,
  },
  latency: optional('latency', 'milliseconds that the target may take: latency=12', positive),
  speedup: optional('speedup', 'how many times as fast as dense: speedup=1.5', (value) =>
    value >= 1 ? undefined : 'it is at least 1',
  ),
  bytes: optional('bytes', 'what may be loaded: bytes=300k, bytes=1.5M', positive, parseBytes),
  memory: optional('memory', 'what may lie in memory: memory=8M', positive, parseBytes),
  drop: {
    summary: 'allowed loss of the metric on held-out inputs: drop=0.01; 0 ships the dense network',
    default: 0.01,
    parse: (text) =>
      numberOf('drop', text, (value) => (value >= 0 ? undefined : 'it is at least 0')),
    show: String,
  },
  scheme: oneOf(
    'scheme',
    `how weights are pruned: ${schemeNames.join(', ')}`,
    schemeNames,
    undefined,
  ),
  sparsity: optional('sparsity', 'the fraction of weights that go: sparsity=0.7', (value) =>
    value >= 0 && value < 1 ? undefined : 'it is at least 0 and less than 1',
  ),
  width: optional('width', 'the part of the channels that stays: width=0.75', (value) =>
    value > 0 && value <= 1 ? undefined : 'it is more than 0 and at most 1',
  ),
  strategy: oneOf(
    'strategy',
    `who picks what becomes of each layer: ${strategyNames.join(', ')}`,
    strategyNames,
    'knapsack',
  ),
  seed: {
    summary: 'what random draws of a search start from: seed=1',
    default: 1,
    parse: (text) => numberOf('seed', text, whole),
    show: String,
  },
  effort: {
    summary: 'the most plans that a search carries out and judges: effort=6',
    default: 6,
    parse: (text) => numberOf('effort', text, (value) => whole(value) ?? positive(value)),
    show: String,
  },
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

/** Whether a query has a directive. */
export const isOurs = (query: string): boolean => words(query).some(([name]) => isDirective(name));

/** The query as the user wrote it, without what dev servers add. */
export const ownQuery = (query: string): string =>
  query
    .split('&')
    .filter((part) => !added.includes(part.split('=')[0]!))
    .join('&');

/** Directives as options of a plugin or a configuration: what queries then say counts more. */
export type DirectiveOptions = {
  readonly [K in keyof Directives]?: string | number | boolean | undefined;
};

/** Options as words of a query. */
const wordsOf = (options: object): [name: string, value: string | undefined][] =>
  Object.entries(options).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  );

/**
 * Parses the query of an import, without `?`.
 *
 * @param options What stands where the query does not say, the first before the others.
 * @throws {EspalierError} UNKNOWN_DIRECTIVE, BAD_DIRECTIVE, LATER_DIRECTIVE
 */
export function parseDirectives(
  query: string,
  ...options: readonly DirectiveOptions[]
): Directives {
  // Later ones replace earlier ones of the same name.
  const said = new Map(
    [...options.map(wordsOf).reverse(), words(query)].flatMap((some) => [...parseWords(some)]),
  );
  const all = names.map((name) => [
    name,
    said.has(name) ? said.get(name) : directives[name].default,
  ]);
  // The table's own parsers made the values.
  return Object.fromEntries(all) as Directives;
}

/** Words with their values. */
function parseWords(
  said: readonly [name: string, value: string | undefined][],
): ReadonlyMap<string, unknown> {
  const given = new Map<string, unknown>();
  for (const [name, value] of said) {
    if (!isDirective(name)) {
      const all = Object.keys(directives);
      throw unknownDirective(name, nearest(name, all), all.join(', '));
    }
    if (given.has(name)) throw badDirective(name, value ?? '', 'it is given twice');
    const { parse, summary, bare } = directives[name];
    const text = value || (value === undefined ? bare : undefined);
    if (!text) throw badDirective(name, '', summary);
    given.set(name, parse(text));
  }
  return given;
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
