// Where errors of a layer matter: how strongly the outputs answer to each of its sums.
//
// With random v, vᵀ·J is a mixture of the rows of J, the derivative of the outputs by the sums, and the square of
// each of its elements is on average the squared norm of that column of J [Hutchinson, 1990]: the diagonal of the
// Gauss-Newton matrix.

import {
  type Builder,
  createBuilder,
  differentiate,
  elementCount,
  type Graph,
  type InputNode,
  type Node,
  type Output,
  randomSource,
  type Tensor,
  unfuse,
} from '@espalier/ir';
import { isDecision, type Outputs } from './agreement.ts';
import type { Layer } from './layers.ts';
import { channelAt, channelsOf, energiesOf } from './output-channels.ts';
import { createRun, type Feeds } from './runner.ts';
import { soften } from './soften.ts';

/** How much errors of one layer matter. */
export interface Sensitivity {
  /** By input, then by position (`[N, H, W]`, or rows of `[…, O]`): all outputs of the layer together. */
  readonly positions: readonly Float32Array[];
  /** By output of the layer: all inputs and positions together, 1 on average. */
  readonly outputs: Float64Array;
}

/** An output with the input that takes its random combination. */
interface Seed {
  readonly output: Output;
  readonly v: InputNode;
}

/** Squares of one mixture are a coarse sample of what they are on average: their roots are less so. */
const tempered = Math.sqrt;

/**
 * The sensitivities of layers; `undefined` for a layer through which nothing flows to the outputs.
 *
 * @param reference Outputs of the graph on `inputs`.
 */
export function sensitivitiesOf(
  graph: Graph,
  layers: readonly Layer[],
  inputs: readonly Feeds[],
  reference: readonly Outputs[],
  seed: number,
): readonly (Sensitivity | undefined)[] {
  const unfused = unfuse(graph);
  const { graph: soft, became } = soften(unfused.graph, inputs);
  const b = createBuilder(soft);
  const seeds = graph.outputs.flatMap((output, i): Seed[] => {
    const { type } = output.node;
    if (type.dtype !== 'f32') return [];
    return [{ output: soft.outputs[i]!, v: b.input(`direction of ${output.name}`, type) }];
  });
  const sums = layers.map(({ node }) => became.get(unfused.sums.get(node)!)!);
  const directions = new Map<Node, Node>(seeds.map(({ output, v }) => [output.node, v]));
  const gradients = differentiate(soft, directions, sums, b);
  const outputs = sums.flatMap((sum, i) => {
    const gradient = gradients.get(sum);
    return gradient ? squaresOf(b, layers[i]!, gradient, i) : [];
  });
  if (outputs.length === 0) return layers.map(() => undefined);
  const run = createRun({ inputs: [...graph.inputs, ...seeds.map(({ v }) => v)], outputs });
  const draw = drawer(graph, seeds, reference, randomSource(seed));
  const found = inputs.map((feeds) => run({ ...feeds, ...draw() }));
  return layers.map(({ shape }, i) => {
    if (!found[0]![positionsName(i)]) return undefined;
    const positions = found.map((all) => Float32Array.from(all[positionsName(i)]!.data, tempered));
    const totals = new Float64Array(shape.filters);
    for (const all of found)
      for (const [k, value] of all[outputsName(i)]!.data.entries()) totals[k]! += value;
    const outputs = totals.map(tempered);
    const mean = outputs.reduce((sum, value) => sum + value, 0) / outputs.length;
    if (!(mean > 0) || !Number.isFinite(mean)) return undefined;
    return { positions, outputs: outputs.map((value) => value / mean) };
  });
}

const positionsName = (layer: number): string => `positions ${layer}`;
const outputsName = (layer: number): string => `outputs ${layer}`;

/** The squares of a layer's gradient, summed for each position and for each output. */
function squaresOf(b: Builder, { node }: Layer, gradient: Node, layer: number): Output[] {
  const squares = b.scalar('mul', gradient, gradient);
  const axes = node.type.shape.map((_, axis) => axis);
  const own = node.op === 'linear' ? axes.length - 1 : 1;
  const sum = (along: number[]) => b.reduce(squares, { kind: 'sum', axes: along, keepDims: false });
  return [
    { name: positionsName(layer), node: sum([own]) },
    { name: outputsName(layer), node: sum(axes.filter((axis) => axis !== own)) },
  ];
}

/** Draws a direction in the space of the outputs: each of their channels counts alike; maps of decisions as a whole. */
function drawer(
  graph: Graph,
  seeds: readonly Seed[],
  reference: readonly Outputs[],
  random: () => number,
): () => Feeds {
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const scaled = seeds.map(({ output: { name }, v }) => {
    const { node } = graph.outputs.find((output) => output.name === name)!;
    const own = channelsOf(node);
    const channels = isDecision(node) ? { ...own, count: 1 } : own;
    const energies = energiesOf(reference, name, channels);
    const scales = energies.map((energy) => 1 / Math.sqrt((energy || 1) * channels.count));
    return { v, scaleAt: (i: number) => scales[channelAt(channels, i)]! };
  });
  return () =>
    Object.fromEntries(
      scaled.map(({ v, scaleAt }): [string, Tensor] => {
        const length = elementCount(v.type.shape);
        const data = Float32Array.from({ length }, (_, i) => scaleAt(i) * normal());
        return [v.name, { type: v.type, data }];
      }),
    );
}
