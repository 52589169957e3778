// What may become of one layer, and what each choice is predicted to take.

import { compile, isInFixedPoint, latency, type Profile } from '@espalier/compiler';
import { createBuilder, type Graph, type OpNode } from '@espalier/ir';
import {
  type Mask,
  masked,
  type Params,
  type Scheme,
  type SchemeName,
  schemes,
} from '@espalier/sparsity';
import type { Costs } from './costs.ts';
import type { Layer } from './layers.ts';
import type { Pin } from './pins.ts';

/** A scheme with its sizes and a sparsity; none of them leaves the layer as it is. */
export interface Choice {
  readonly scheme: SchemeName | 'none';
  readonly params: Partial<Params>;
  readonly sparsity: number;
}

/** A layer's choice with the weights it keeps and what the layer then costs. */
export interface PricedChoice extends Choice, Costs {
  readonly mask: Mask;
}

const sparsities = [0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.92] as const;

/** In fixed point zeros are free from the first on: small steps over many layers do the least harm. */
const roundedSparsities = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] as const;

/** A scheme with its sizes. */
export interface Structure {
  readonly scheme: SchemeName;
  readonly params: Partial<Params>;
}

/** Schemes that the target has fast kernels for, by the kind of layer. */
function schemesFor(layer: Layer, { scheme }: Pin): readonly Structure[] {
  const fast = fastSchemes(layer);
  if (scheme === undefined) return fast;
  const own = fast.filter((each) => each.scheme === scheme);
  if (own.length > 0 || scheme === 'none') return own;
  // What is asked for by hand need not be among the fastest; where it does not fit, the layer stays.
  const { defaults, refuses } = schemes[scheme] as Scheme;
  const params: Params = { filters: 1, channels: 1, columns: 1, of: 1, ...defaults };
  return refuses?.(layer.shape, params) === undefined ? [{ scheme, params: {} }] : [];
}

function fastSchemes(layer: Layer): readonly Structure[] {
  const { tiled, shape, node } = layer;
  const fits = (filters: number) => shape.filters >= filters;
  const blocks = (filters: number) =>
    fits(filters) ? [{ scheme: 'blockColumns', params: { filters } } as const] : [];
  // Integers are multiplied in pairs, twice as fast as floats: these would have to lose half of the weights to keep up.
  if (isRounded(layer))
    return [
      { scheme: tiled ? 'kernelBlock' : 'blockPunched', params: { filters: 8, channels: 2 } },
    ];
  if (tiled)
    return fits(8)
      ? [{ scheme: 'kernelBlock', params: { filters: 8 } } as const, ...blocks(8)]
      : [];
  if (node.op === 'linear') return blocks(8);
  return [...blocks(8), ...blocks(2), { scheme: 'unstructured', params: {} } as const];
}

/** Whether kernels of integers run a layer: such as have channels enough, for Winograd in whole vectors. */
const isRounded = ({ tiled, shape, node }: Layer): boolean =>
  isInFixedPoint(node) &&
  Math.min(shape.filters, shape.channels) >= 8 &&
  (!tiled || shape.channels % 4 === 0);

/** The choice that leaves a layer as it is. */
export const unchanged = (layer: Layer, profile: Profile): PricedChoice => ({
  scheme: 'none',
  params: {},
  sparsity: 0,
  mask: new Uint8Array(layer.weights.length).fill(1),
  ...predict(layer, layer.weights, profile),
});

/**
 * The choices of a layer that are predicted to be faster than the one before them with fewer zeros.
 *
 * @param dense The layer as it is.
 * @param maskFor The weights to keep, of a scheme at a sparsity.
 */
export function choicesOf(
  layer: Layer,
  dense: PricedChoice,
  maskFor: (structure: Structure) => (sparsity: number) => Mask,
  profile: Profile,
  pin: Pin = {},
): PricedChoice[] {
  if (pin.scheme === 'none') return [dense];
  const sparse = schemesFor(layer, pin).flatMap(({ scheme, params }) => {
    const maskAt = maskFor({ scheme, params });
    let least = dense.ms;
    const usual = isRounded(layer) ? roundedSparsities : sparsities;
    const asked = pin.sparsity === undefined ? usual : [pin.sparsity];
    return asked.flatMap((sparsity): PricedChoice[] => {
      const mask = maskAt(sparsity);
      const costs = predict(layer, masked(layer.weights, mask), profile);
      // Zeros that bring no speed are not worth their harm.
      if (costs.ms >= 0.98 * least) return [];
      least = costs.ms;
      return [{ scheme, params, sparsity, mask, ...costs }];
    });
  });
  return [dense, ...sparse];
}

/** What the layer alone costs: the very kernel that would be generated for its weights. */
function predict({ node }: Layer, weights: Float32Array, profile: Profile): Costs {
  const b = createBuilder();
  const input = b.input('x', node.inputs[0]!.type);
  const [, w, bias] = node.inputs as OpNode['inputs'];
  const layer = b.apply(
    node.op,
    [
      input,
      b.constant({ type: w!.type, data: weights }, 'w'),
      bias!.kind === 'constant' ? b.constant(bias!.value, 'b') : bias!,
    ],
    node.attrs,
  );
  const graph: Graph = { inputs: [input], outputs: [{ name: 'y', node: layer }] };
  const { report, weights: file } = compile(graph, { profile });
  const own = report.work.filter(({ kernel }) => kernel.startsWith(node.op));
  return {
    ms: latency(own.length > 0 ? own : report.work, profile).totalMs,
    // Code is shared between layers of equal shape: weights alone tell one choice from another.
    bytes: file.length,
    memoryBytes: report.weightBytes,
  };
}
