// Are latencies of pruned networks predicted, and in the right order? (on this host, calibrated)

import { compile, latency } from '@espalier/compiler';
import {
  createBuilder,
  type Graph,
  type Node,
  randomSource,
  randomTensor,
  rebuild,
} from '@espalier/ir';
import { masked, project, schemes, weightShape } from '@espalier/sparsity';
import { hasSharedData } from '../test/support/shared-data.ts';
import { atLeast, atMost, type Report, type Row } from './bars.ts';
import { calibratedHost, type Timed } from './support/host.ts';
import { median, type Network, skeletons } from './support/networks.ts';

const pairs = 200;

/** Skeletons that run in a few milliseconds. */
const quick: readonly string[] = [
  ...['mobilenet_v2', 'mobilenet_v3_small', 'mobilenet_v2_cifar', 'squeezenet1_1'],
  ...['resnet18', 'yolo_fastest_1_1_320'],
];

const offered = [
  undefined,
  schemes.unstructured,
  schemes.blockPunched,
  schemes.kernelBlock,
  schemes.pattern,
  schemes.filter,
] as const;

/** Residual blocks of random width and depth. */
function randomNetwork(seed: number): Network {
  const next = randomSource(seed);
  const among = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!;
  const b = createBuilder();
  const width = among([16, 24, 32, 48, 64]);
  const size = among([14, 20, 28, 40]);
  const input = b.input('x', { dtype: 'f32', shape: [1, width, size, size] });
  let lastSeed = seed;
  const weights = (...shape: number[]) =>
    b.constant(randomTensor({ dtype: 'f32', shape }, ++lastSeed, [-0.1, 0.1]));
  const conv = (x: Node, o: number, taps: number, stride = 1, groups = 1): Node => {
    const pad = (taps - 1) / 2;
    const i = x.type.shape[1]!;
    return b.conv(x, weights(o, i / groups, taps, taps), weights(o), {
      stride: [stride, stride],
      dilation: [1, 1],
      pads: [pad, pad, pad, pad],
      groups,
    });
  };
  let y: Node = input;
  const blocks = 2 + Math.floor(next() * 5);
  for (let block = 0; block < blocks; block++) {
    const c = y.type.shape[1]!;
    if (next() < 0.5) {
      const wide = c * among([2, 4, 6]);
      const inner = b.scalar(
        'relu',
        conv(b.scalar('relu', conv(y, wide, 1)), wide, among([3, 5]), 1, wide),
      );
      y = b.scalar('add', y, conv(inner, c, 1));
    } else y = b.scalar('relu', b.scalar('add', y, conv(b.scalar('relu', conv(y, c, 3)), c, 3)));
    if (next() < 0.3) y = b.scalar('relu', conv(y, 2 * c, 3, 2));
  }
  return { name: `random ${seed}`, graph: { inputs: [input], outputs: [{ name: 'y', node: y }] } };
}

/** A plan: one scheme for the network, another sparsity for each layer. */
function pruned({ name, graph }: Network, seed: number): { title: string; graph: Graph } {
  const next = randomSource(seed);
  const scheme = offered[Math.floor(next() * offered.length)];
  const centre = 0.3 + 0.6 * next();
  if (!scheme) return { title: `${name}, dense`, graph };
  const result = rebuild(graph, (node, _, b) => {
    if (node.kind !== 'constant' || node.type.dtype !== 'f32') return undefined;
    const { shape } = node.type;
    if ((shape.length !== 2 && shape.length !== 4) || node.value.data.length < 512)
      return undefined;
    const units = weightShape(shape);
    // Four of nine taps stay at most where patterns choose.
    const least = scheme === schemes.pattern ? 0.6 : 0;
    const sparsity = Math.min(0.95, Math.max(least, centre + 0.4 * (next() - 0.5)));
    if (units.channels < 4 || units.filters < 8) return undefined;
    // Schemes say which layers they are not for; those stay as they are.
    const params = { filters: 8, channels: 1, columns: 1, of: 1, ...scheme.defaults };
    if (scheme.refuses?.(units, params)) return undefined;
    const values = Float32Array.from(node.value.data);
    const scores = values.map((value) => value * value);
    const data = masked(values, project(scheme, scores, units, sparsity));
    return b.constant({ type: node.type, data }, node.name);
  });
  return { title: `${name}, ${scheme.name} ${centre.toFixed(2)}`, graph: result };
}

/** Places in ascending order; equal values are unlikely. */
const ranks = (values: readonly number[]): number[] => {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const places = new Array<number>(values.length).fill(0);
  order.forEach((index, place) => {
    places[index] = place;
  });
  return places;
};

/** Spearman's rank correlation. */
function rankCorrelation(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranks(a), ranks(b)];
  const squares = x.reduce((sum, place, i) => sum + (place - y[i]!) ** 2, 0);
  return 1 - (6 * squares) / (a.length * (a.length ** 2 - 1));
}

/** Calibrates, then predicts and measures. */
export async function run(): Promise<Report> {
  const networks = hasSharedData()
    ? [...skeletons()].filter(({ name }) => quick.includes(name))
    : [];
  if (networks.length === 0) console.log('only random networks: the shared data is not here');
  const { profile, measure } = await calibratedHost();
  const predicted = new Map<string, number>();
  const programs = Array.from({ length: pairs }, (_, i): Timed => {
    const seed = i + 1;
    const network =
      seed % 4 === 0 && networks.length > 0
        ? networks[(seed >> 2) % networks.length]!
        : randomNetwork(seed);
    const { title, graph } = pruned(network, seed);
    const id = `${seed}: ${title}`;
    return {
      id,
      compile() {
        const compiled = compile(graph, { profile });
        predicted.set(id, latency(compiled.report.work, profile).totalMs);
        return compiled;
      },
    };
  });
  const measured = await measure(programs);
  const rows = [...measured].map(
    ([plan, ms]): Row => ({
      plan,
      predictedMs: Number(predicted.get(plan)!.toFixed(3)),
      measuredMs: Number(ms.toFixed(3)),
      error: Number((predicted.get(plan)! / ms - 1).toFixed(3)),
    }),
  );
  const column = (name: string) => rows.map((row) => row[name] as number);
  const error = median(column('error').map(Math.abs));
  const correlation = rankCorrelation(column('predictedMs'), column('measuredMs'));
  return {
    rows: rows.sort((a, b) => Math.abs(b.error as number) - Math.abs(a.error as number)),
    bars: [
      atMost(`error of ${rows.length} predictions, median`, error, 0.1),
      atLeast('rank correlation', Number(correlation.toFixed(4)), 0.95),
    ],
  };
}
