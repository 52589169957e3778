// Finds out how a network wants its pictures, from the statistics that its first batch norm keeps.

import { type Graph, type InputNode, type Node, operands, topologicalOrder } from '@espalier/ir';
import { createRun } from '@espalier/search';
import type { Picture } from './picture.ts';
import { type PictureShape, type Preprocessing, pictureTensor } from './preprocess.ts';

/** What is common, the most common first. */
const usual: readonly Preprocessing[] = [
  { scale: 1 / 255 },
  { scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  { scale: 1 / 127.5, mean: 1 },
  { scale: 1 },
  { scale: 1, mean: [123.68, 116.78, 103.94] },
];

const withOrder = (preprocessing: Preprocessing, order: 'rgb' | 'bgr'): Preprocessing => {
  const turn = (value: Preprocessing['mean']) =>
    order === 'bgr' && typeof value === 'object' ? [...value].reverse() : value;
  const { scale, mean, std } = preprocessing;
  return {
    order,
    ...(scale !== undefined && { scale }),
    ...(mean !== undefined && { mean: turn(mean)! }),
    ...(std !== undefined && { std: turn(std)! }),
  };
};

/** Every common preprocessing of pictures with so many channels. */
export const candidates = (channels: 1 | 3): Preprocessing[] =>
  channels === 1
    ? usual.filter(({ mean }) => typeof mean !== 'object')
    : (['rgb', 'bgr'] as const).flatMap((order) => usual.map((each) => withOrder(each, order)));

/** The first convolution of an input. */
interface FirstLayer {
  readonly node: Node;
  /** Mean and variance of each of its channels, where a batch norm keeps them. */
  readonly expected:
    | { readonly mean: ArrayLike<number>; readonly variance: ArrayLike<number> }
    | undefined;
}

const constantOf = (node: Node | undefined) =>
  node?.kind === 'constant' ? node.value.data : undefined;

function firstLayer(graph: Graph, input: InputNode): FirstLayer | undefined {
  const reached = new Set<Node>([input]);
  for (const node of topologicalOrder(graph)) {
    if (!operands(node).some((operand) => reached.has(operand))) continue;
    reached.add(node);
    if (node.kind !== 'op' || node.op !== 'conv') continue;
    const norm = topologicalOrder(graph).find(
      (each) => each.kind === 'op' && each.op === 'batchNorm' && each.inputs[0] === node,
    );
    const [, , , mean, variance] = norm ? operands(norm) : [];
    const [m, v] = [constantOf(mean), constantOf(variance)];
    return { node, expected: m && v ? { mean: m, variance: v } : undefined };
  }
  return undefined;
}

/** Pictures that are looked at. */
const looks = 3;

/** A first layer whose outputs are smaller than this, of pictures in [0, 1], expects bytes. */
const faint = 0.03;

/** Mean and variance of each channel of a layer over pictures. */
function statistics(
  run: ReturnType<typeof createRun>,
  input: InputNode,
  shape: PictureShape,
  layer: Node,
  pictures: readonly Picture[],
  preprocessing: Preprocessing,
): { readonly mean: number[]; readonly variance: number[] } {
  const [, channels = 1] = layer.type.shape;
  const sums = Array.from({ length: channels }, () => [0, 0] as [number, number]);
  let count = 0;
  for (const picture of pictures.slice(0, looks)) {
    const x = pictureTensor(input, shape, Array(shape.count).fill(picture), preprocessing);
    const { data } = run({ [input.name]: x }).y!;
    const size = data.length / channels / layer.type.shape[0]!;
    count += data.length / channels;
    data.forEach((value, i) => {
      const sum = sums[Math.floor(i / size) % channels]!;
      sum[0] += value;
      sum[1] += value * value;
    });
  }
  const mean = sums.map(([sum]) => sum / count);
  return { mean, variance: sums.map(([, squares], c) => squares / count - mean[c]! ** 2) };
}

/** Whether one input alone decides a value. */
const dependsOn = (node: Node, input: InputNode): boolean => {
  const graph: Graph = { inputs: [input], outputs: [{ name: 'y', node }] };
  return topologicalOrder(graph).every((each) => each.kind !== 'input' || each === input);
};

/**
 * The common preprocessing under which the first layer puts out what its batch norm expects; where there is none, bytes
 * for a layer that hardly answers to pictures in [0, 1].
 *
 * @param graph As it was imported: batch norms are not folded yet.
 */
export function learnPreprocessing(
  graph: Graph,
  input: InputNode,
  shape: PictureShape,
  pictures: readonly Picture[],
): Preprocessing {
  const [plain] = usual as [Preprocessing, ...Preprocessing[]];
  const layer = firstLayer(graph, input);
  if (!layer || !dependsOn(layer.node, input)) return plain;
  const run = createRun({ inputs: [input], outputs: [{ name: 'y', node: layer.node }] });
  const see = (preprocessing: Preprocessing) =>
    statistics(run, input, shape, layer.node, pictures, preprocessing);
  const { expected } = layer;
  if (!expected) {
    const { mean, variance } = see(plain);
    const energy = mean.reduce((sum, m, c) => sum + m * m + variance[c]!, 0) / mean.length;
    return Math.sqrt(energy) < faint ? { scale: 1 } : plain;
  }
  /** How far two normal distributions are apart, Kullback and Leibler. */
  const distance = (preprocessing: Preprocessing): number => {
    const { mean, variance } = see(preprocessing);
    return mean.reduce((sum, m, c) => {
      const ratio = (variance[c]! + 1e-9) / (expected.variance[c]! + 1e-9);
      const shift = (m - expected.mean[c]!) ** 2 / (expected.variance[c]! + 1e-9);
      return sum + ratio + shift - 1 - Math.log(ratio);
    }, 0);
  };
  const all = candidates(shape.channels).map((each) => ({ each, far: distance(each) }));
  return all.reduce((best, one) => (one.far < best.far ? one : best)).each;
}
