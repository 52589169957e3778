// What may become of one layer, and what each choice is predicted to take.

import { compile, latency, type Profile } from '@espalier/compiler';
import { createBuilder, type Graph, type OpNode } from '@espalier/ir';
import { type Mask, masked, type Params, type SchemeName } from '@espalier/sparsity';
import type { Layer } from './layers.ts';

/** A scheme with its sizes and a sparsity; none of them leaves the layer as it is. */
export interface Choice {
  readonly scheme: SchemeName | 'none';
  readonly params: Partial<Params>;
  readonly sparsity: number;
}

/** A layer's choice with the weights it keeps and the time it is predicted to take, in ms. */
export interface PricedChoice extends Choice {
  readonly mask: Mask;
  readonly ms: number;
}

const sparsities = [0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.92] as const;

/** A scheme with its sizes. */
export interface Structure {
  readonly scheme: SchemeName;
  readonly params: Partial<Params>;
}

/** Schemes that the target has fast kernels for, by the kind of layer. */
function schemesFor({ tiled, shape, node }: Layer): readonly Structure[] {
  const fits = (filters: number) => shape.filters >= filters;
  const blocks = (filters: number) =>
    fits(filters) ? [{ scheme: 'blockColumns', params: { filters } } as const] : [];
  if (tiled)
    return fits(8)
      ? [{ scheme: 'kernelBlock', params: { filters: 8 } } as const, ...blocks(8)]
      : [];
  if (node.op === 'linear') return blocks(8);
  return [...blocks(8), ...blocks(4), { scheme: 'unstructured', params: {} } as const];
}

/**
 * The choices of a layer that are predicted to be faster than the one before them with fewer zeros.
 *
 * @param maskFor The weights to keep, of a scheme at a sparsity.
 */
export function choicesOf(
  layer: Layer,
  maskFor: (structure: Structure) => (sparsity: number) => Mask,
  profile: Profile,
): PricedChoice[] {
  const all: Mask = new Uint8Array(layer.weights.length).fill(1);
  const dense: PricedChoice = {
    scheme: 'none',
    params: {},
    sparsity: 0,
    mask: all,
    ms: predict(layer, layer.weights, profile),
  };
  const sparse = schemesFor(layer).flatMap(({ scheme, params }) => {
    const maskAt = maskFor({ scheme, params });
    let least = dense.ms;
    return sparsities.flatMap((sparsity): PricedChoice[] => {
      const mask = maskAt(sparsity);
      const ms = predict(layer, masked(layer.weights, mask), profile);
      // Zeros that bring no speed are not worth their harm.
      if (ms >= 0.98 * least) return [];
      least = ms;
      return [{ scheme, params, sparsity, mask, ms }];
    });
  });
  return [dense, ...sparse];
}

/** The time of the layer alone: the very kernel that would be generated for its weights. */
function predict({ node }: Layer, weights: Float32Array, profile: Profile): number {
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
  const { report } = compile(graph, { profile });
  const own = report.work.filter(({ kernel }) => kernel.startsWith(node.op));
  return latency(own.length > 0 ? own : report.work, profile).totalMs;
}
