// What users decide by hand: a scheme or a sparsity, for all layers or for some.

import type { SchemeName } from '@espalier/sparsity';
import { nameOfPin, unknownLayer } from './errors.ts';
import type { Layer } from './layers.ts';

/** Narrows the choices of a layer. */
export interface Pin {
  /** `none` for a layer that stays dense. */
  readonly scheme?: SchemeName | 'none';
  /** In [0, 1). */
  readonly sparsity?: number;
  /** The part of the channels that a layer makes which stays, in (0, 1]; those that are coupled with them go too. */
  readonly width?: number;
}

/** Pins of all layers, and of some by name, which count more. */
export interface Pins extends Pin {
  /** By the name of a layer's node in the model, or by the layer's own. */
  readonly layers?: Readonly<Record<string, Pin>>;
}

/** Whether a name in a configuration means a layer. */
const means = (name: string, { name: own, node }: Layer): boolean =>
  name === own || name === node.name;

/** The pin of one layer. */
export function pinOf({ layers = {}, ...all }: Pins, layer: Layer): Pin {
  const own = Object.entries(layers).find(([name]) => means(name, layer));
  return { ...all, ...own?.[1] };
}

/** The width that is asked for of channels by the names of the ops that make them: the least that any of these asks for. */
export function widthOf(
  { layers = {}, width }: Pins,
  makers: readonly string[],
): number | undefined {
  const own = makers.flatMap((name) => layers[name]?.width ?? []);
  return own.length > 0 ? Math.min(...own) : width;
}

/** Whether anything is decided by hand. */
export const decidesByHand = ({ layers = {}, ...all }: Pins): boolean =>
  [all, ...Object.values(layers)].some((pin) => Object.keys(pin).length > 0);

/** Whether any layer is asked to be narrower. */
export const narrowsByHand = ({ layers = {}, ...all }: Pins): boolean =>
  [all, ...Object.values(layers)].some(({ width = 1 }) => width < 1);

/** @throws {EspalierError} UNKNOWN_LAYER, for names that mean no layer */
export function checkPins({ layers = {} }: Pins, known: readonly Layer[]): void {
  for (const name of Object.keys(layers))
    if (!known.some((layer) => means(name, layer))) throw unknownLayer(name, known.map(nameOfPin));
}
