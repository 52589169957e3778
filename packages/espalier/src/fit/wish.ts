// Whether a query asks for a search, and for what.

import type { FitOptions, Limits, Pin, Pins } from '@espalier/search';
import { type Directives, directives } from '../directives.ts';
import { badDirective } from '../errors.ts';

/** What is wished of a fit, besides the device and the inputs. */
export type Wish = Pick<
  FitOptions,
  'limits' | 'speedup' | 'drop' | 'strategy' | 'effort' | 'seed' | 'pins' | 'precision'
>;

const constraints = [
  'latency',
  'speedup',
  'bytes',
  'memory',
  'scheme',
  'sparsity',
  'width',
] as const;

/**
 * What a query asks of the search; `undefined` where the dense network is meant. A device as target asks for the
 * fastest network within `drop`; the bare target `wasm` does not, nor do `drop=0`, `exact` and `precision=int8`.
 *
 * @throws {EspalierError} BAD_DIRECTIVE, for wishes that exclude each other
 */
export function wishOf(given: Directives, layers: Readonly<Record<string, Pin>>): Wish | undefined {
  const { latency, speedup, bytes, memory, drop, strategy, seed, effort } = given;
  const { scheme, sparsity, width, precision } = given;
  const asked = constraints.find((name) => given[name] !== undefined);
  const pinned = Object.keys(layers).length > 0;
  const lossy = drop > 0 && (drop !== directives.drop.default || pinned);
  const denseOnly = given.exact ? 'exact' : precision === 'int8' ? 'precision=int8' : undefined;
  if (denseOnly && asked)
    throw badDirective(asked, String(given[asked]), `${denseOnly} is for the dense network`);
  const onDevice = given.target !== directives.target.default && drop > 0;
  if (denseOnly || (!asked && !lossy && !onDevice)) return undefined;
  const limits: Limits = {
    ...(latency !== undefined && { ms: latency }),
    ...(bytes !== undefined && { bytes }),
    ...(memory !== undefined && { memoryBytes: memory }),
  };
  const pins: Pins = {
    ...(scheme !== undefined && { scheme }),
    ...(sparsity !== undefined && { sparsity }),
    ...(width !== undefined && { width }),
    layers,
  };
  return {
    limits,
    ...(speedup !== undefined && { speedup }),
    // In 8 bits there is no search.
    ...((precision === 'f32' || precision === 'int16') && { precision }),
    drop,
    strategy,
    effort,
    seed,
    pins,
  };
}
