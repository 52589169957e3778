// Is the kernel that is picked the fastest, and is the latency of networks as predicted? (on this host, calibrated)

import { type Compiled, compile, latency } from '@espalier/compiler';
import {
  createBuilder,
  type Graph,
  type Node,
  type OpNode,
  randomTensor,
  showAttrs,
  showType,
  topologicalOrder,
} from '@espalier/ir';
import { masked, project, schemes, weightShape } from '@espalier/sparsity';
import { hasSharedData } from '../test/support/shared-data.ts';
import { atLeast, atMost, type Report, type Row } from './bars.ts';
import { calibratedHost, type Host, type Timed } from './support/host.ts';
import { median, skeletons } from './support/networks.ts';

/** Layers of every network are many alike: as many as this are tried. */
const mostLayers = 60;

/** A layer that several kernels can run. */
interface Layer {
  readonly title: string;
  readonly graph: Graph;
}

const weighted: readonly string[] = ['conv', 'linear'];

/** Zeros that a layer gets: none, and one of each kind in turn. */
const prunings = [
  undefined,
  { scheme: schemes.unstructured, sparsity: 0.8 },
  undefined,
  { scheme: schemes.kernelBlock, sparsity: 0.7 },
  undefined,
  { scheme: schemes.blockPunched, sparsity: 0.6 },
] as const;

/** A layer of a network on its own, with random weights. */
function alone(node: OpNode, pruning: (typeof prunings)[number]): Layer {
  const b = createBuilder();
  const [x, w, bias] = node.inputs as readonly [Node, Node, Node];
  const input = b.input('x', x.type);
  const weights = randomTensor(w.type, 1);
  const shape = weightShape(w.type.shape);
  const prunes = pruning && shape.channels > 1 && shape.filters >= 8;
  if (prunes) {
    const values = Float32Array.from(weights.data);
    const scores = values.map((value) => value * value);
    weights.data.set(masked(values, project(pruning.scheme, scores, shape, pruning.sparsity)));
  }
  const y = b.apply(
    node.op,
    [input, b.constant(weights), b.constant(randomTensor(bias.type, 2))],
    node.attrs,
  );
  const zeros = prunes ? `, ${pruning.scheme.name} ${pruning.sparsity}` : '';
  return {
    title: `${node.op} ${showType(x.type)} ${showType(w.type)} ${showAttrs(node.attrs)}${zeros}`,
    graph: { inputs: [input], outputs: [{ name: 'y', node: y }] },
  };
}

/** Different layers of the skeletons, evenly drawn. */
function layersTried(): Layer[] {
  const found = new Map<string, OpNode>();
  for (const { graph } of skeletons())
    for (const node of topologicalOrder(graph))
      if (node.kind === 'op' && weighted.includes(node.op) && node.inputs[1]?.kind === 'constant')
        found.set(
          `${node.op} ${node.inputs.map(({ type }) => showType(type))} ${showAttrs(node.attrs)}`,
          node,
        );
  const all = [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, node]) => node);
  const stride = Math.max(1, all.length / mostLayers);
  return Array.from({ length: Math.min(mostLayers, all.length) }, (_, i) =>
    alone(all[Math.floor(i * stride)]!, prunings[i % prunings.length]),
  );
}

/** The kernels that can run a layer, and the one that is picked. */
function alternatives(graph: Graph, { profile }: Host) {
  let names: readonly string[] = [];
  const picked = compile(graph, { profile });
  compile(graph, {
    pick(_, able) {
      if (able.length > names.length) names = able.map(({ name }) => name);
      return able[0];
    },
  });
  const used = picked.report.work.find(({ kernel }) => names.includes(kernel))?.kernel;
  return { names, used };
}

const forced = (graph: Graph, name: string): Compiled =>
  compile(graph, { pick: (_, able) => able.find((kernel) => kernel.name === name) });

/** How much slower than the best the picked kernel is, layer by layer. */
async function compareKernels(host: Host): Promise<{ rows: Row[]; good: number }> {
  const layers = layersTried()
    .map((layer) => ({ ...layer, ...alternatives(layer.graph, host) }))
    .filter(({ names, used }) => names.length > 1 && used !== undefined);
  const programs = layers.flatMap(({ title, graph, names }) =>
    names.map((name): Timed => ({ id: `${title} ${name}`, compile: () => forced(graph, name) })),
  );
  const ms = await host.measure(programs);
  const rows = layers.map(({ title, names, used }): Row => {
    const timed = names.map((name) => ({ name, ms: ms.get(`${title} ${name}`)! }));
    const best = timed.reduce((a, b) => (b.ms < a.ms ? b : a));
    const own = timed.find(({ name }) => name === used)!;
    return {
      layer: title.slice(0, 90),
      picked: own.name,
      pickedUs: Math.round(1000 * own.ms),
      best: best.name,
      bestUs: Math.round(1000 * best.ms),
      slower: Number((own.ms / best.ms - 1).toFixed(3)),
    };
  });
  const good = rows.filter(({ slower }) => (slower as number) <= 0.05).length;
  return { rows, good: good / rows.length };
}

/** Predicted and measured latency of whole networks. */
async function compareNetworks(host: Host): Promise<Row[]> {
  const { profile } = host;
  const predicted = new Map<string, number>();
  const programs = [...skeletons()].map(
    ({ name, graph }): Timed => ({
      id: name,
      compile() {
        const compiled = compile(graph, { profile });
        predicted.set(name, latency(compiled.report.work, profile).totalMs);
        return compiled;
      },
    }),
  );
  const measured = await host.measure(programs);
  const round = (ms: number) => Number(ms.toFixed(3));
  return [...measured].map(
    ([network, ms]): Row => ({
      network,
      predictedMs: round(predicted.get(network)!),
      measuredMs: round(ms),
      error: round(predicted.get(network)! / ms - 1),
    }),
  );
}

/** Calibrates, then compares. */
export async function run(): Promise<Report> {
  if (!hasSharedData()) {
    console.log('skipped: the shared data is not here (set ESPALIER_DATA)');
    return { rows: [], bars: [] };
  }
  const host = await calibratedHost();
  const { rows, good } = await compareKernels(host);
  const networks = await compareNetworks(host);
  const error = median(networks.map((row) => Math.abs(row.error as number)));
  return {
    rows: [...networks, ...rows.sort((a, b) => (b.slower as number) - (a.slower as number))],
    bars: [
      atLeast(
        `layers of ${rows.length} whose kernel is within 5% of the best`,
        Number(good.toFixed(3)),
        0.95,
      ),
      atMost(`error of ${networks.length} networks, median`, Number(error.toFixed(3)), 0.12),
    ],
  };
}
