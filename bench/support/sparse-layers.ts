// Single convolutions with zeros, timed beside the fastest dense kernel of the same layer.

import { type Compiled, compile } from '@espalier/compiler';
import { createBuilder, type Graph, randomTensor } from '@espalier/ir';
import { schemes } from '@espalier/sparsity';
import { measureInChromium } from '../../packages/espalier/src/calibrate/in-chromium.ts';
import { measureInNode } from '../../packages/espalier/src/calibrate/in-node.ts';
import { type Subject, subjectOf } from '../../packages/espalier/src/calibrate/subjects.ts';
import { atLeast, type Bar, type Row } from '../bars.ts';
import type { HostName } from '../peers/engines.ts';
import { median } from './networks.ts';
import {
  blocksOf,
  kernelBlocks,
  type Pruning,
  prunedAtRandom,
  singleWeights,
} from './pruned-network.ts';

/** Channels in, channels out, rows and columns. */
type Shape = readonly [inputs: number, outputs: number, size: number];

const pointwise: readonly Shape[] = [
  ...([[64, 256, 56] as const, [256, 64, 56] as const, [128, 512, 28] as const] as const),
  ...([[512, 128, 28] as const, [1024, 256, 14] as const, [96, 24, 56] as const] as const),
  ...([[32, 192, 28] as const, [576, 96, 14] as const, [320, 1280, 7] as const] as const),
];

const threeByThree: readonly Shape[] = [
  ...([[64, 64, 56] as const, [128, 128, 28] as const, [256, 256, 14] as const] as const),
  ...([[512, 512, 7] as const, [32, 32, 56] as const, [96, 96, 28] as const] as const),
  ...([[64, 128, 28] as const, [192, 192, 14] as const, [384, 384, 14] as const] as const),
];

/** A way to lose weights, and how many times as fast as dense a layer has to be then, by sparsity. */
interface Family {
  readonly title: string;
  readonly kernel: 1 | 3;
  readonly pruning: Pruning;
  readonly wanted: Readonly<Record<string, number>>;
}

const { pattern } = schemes;

const families: readonly Family[] = [
  {
    title: '1×1 single weights',
    kernel: 1,
    pruning: singleWeights,
    wanted: { 0.7: 1.6, 0.8: 2.5, 0.9: 5, 0.95: 9.5 },
  },
  {
    title: '1×1 blocks of 4',
    kernel: 1,
    pruning: blocksOf(4),
    wanted: { 0.5: 1.3, 0.7: 1.8, 0.8: 3.8, 0.9: 8, 0.95: 13 },
  },
  {
    title: '1×1 blocks of 8',
    kernel: 1,
    pruning: blocksOf(8),
    wanted: { 0.5: 1.7, 0.7: 2.7, 0.8: 3.7, 0.9: 5.5, 0.95: 6.5 },
  },
  {
    title: '3×3 kernel blocks of 8',
    kernel: 3,
    pruning: kernelBlocks,
    wanted: { 0.5: 1.5, 0.7: 2.1, 0.8: 2.7, 0.9: 4, 0.95: 4.8 },
  },
  {
    title: '3×3 position blocks of 8',
    kernel: 3,
    pruning: blocksOf(8),
    wanted: { 0.7: 0.9, 0.8: 1.3, 0.9: 2.2, 0.95: 4.5 },
  },
  {
    title: '3×3 single weights',
    kernel: 3,
    pruning: singleWeights,
    wanted: { 0.8: 0.95, 0.9: 1.8, 0.95: 3.5 },
  },
  { title: '3×3 patterns', kernel: 3, pruning: { scheme: pattern }, wanted: {} },
];

/** Also where hardly anything is zero: there the dense kernel has to be picked. */
const sparsities = [0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95];

/** Whether a step is not the layer's own, but brings values from one layout to another. */
const isAround = (kernel: string): boolean => kernel.startsWith('copy') || kernel === 'clear-halo';

interface Layer {
  readonly title: string;
  readonly graph: Graph;
}

function layer(
  kernel: 1 | 3,
  [inputs, outputs, size]: Shape,
  prune?: (w: Float32Array, shape: readonly number[]) => Float32Array,
): Layer {
  const b = createBuilder();
  const x = b.input('x', { dtype: 'f32', shape: [1, inputs, size, size] });
  const shape = [outputs, inputs, kernel, kernel];
  const dense = randomTensor({ dtype: 'f32', shape }, 1);
  const values = Float32Array.from(dense.data);
  const weights = b.constant({ type: dense.type, data: prune ? prune(values, shape) : values });
  const pad = (kernel - 1) / 2;
  const y = b.conv(x, weights, b.constant(randomTensor({ dtype: 'f32', shape: [outputs] }, 2)), {
    stride: [1, 1],
    dilation: [1, 1],
    pads: [pad, pad, pad, pad],
    groups: 1,
  });
  return {
    title: `${kernel}×${kernel} ${inputs}→${outputs} at ${size}`,
    graph: { inputs: [x], outputs: [{ name: 'y', node: y }] },
  };
}

/** The names of the kernels that can run the one layer of a graph. */
function kernelsOf(graph: Graph): readonly string[] {
  let names: readonly string[] = [];
  compile(graph, {
    pick(_, able) {
      if (able.length > names.length) names = able.map(({ name }) => name);
      return undefined;
    },
  });
  return names;
}

/** One program to time. */
interface Contender {
  readonly id: string;
  compile(): Compiled;
}

/** Times of a program, in µs. */
interface Time {
  /** Of the layer's own steps. */
  readonly layer: number;
  /** With what brings its operands into their layouts, and its result back. */
  readonly whole: number;
  readonly kernel: string;
  /** The code and its steps: programs of the same are as fast as each other. */
  readonly code: string;
}

/** The least times of programs, one after the other, several times over. */
async function timeAll(
  place: HostName,
  contenders: readonly Contender[],
  passes: number,
): Promise<Map<string, Time>> {
  const known = new Map<string, { readonly kernels: readonly string[]; readonly code: string }>();
  const subjects = {
    count: passes * contenders.length,
    group(index: number): readonly Subject[] {
      const { id, compile: make } = contenders[index % contenders.length]!;
      const compiled = make();
      const { modules, program, report } = compiled;
      const code = `${Buffer.from(modules.plain).toString('base64')} ${program.run}`;
      known.set(id, { kernels: report.work.map(({ kernel }) => kernel), code });
      return [subjectOf(id, 'steps', compiled, true)];
    },
  };
  const [measure, module] =
    place === 'node'
      ? ([measureInNode, 'plain'] as const)
      : ([measureInChromium, 'relaxed'] as const);
  const { timings } = await measure(subjects, undefined, module);
  const least = new Map<string, readonly number[]>();
  for (const { id, ns } of timings[module]) {
    const before = least.get(id);
    least.set(id, before ? ns.map((each, i) => Math.min(each, before[i]!)) : ns);
  }
  return new Map(
    [...least].map(([id, ns]): [string, Time] => {
      const { kernels, code } = known.get(id)!;
      const sum = (list: readonly number[]) => list.reduce((total, each) => total + each, 0) / 1e3;
      return [
        id,
        {
          layer: sum(ns.filter((_, i) => !isAround(kernels[i]!))),
          whole: sum(ns),
          kernel: kernels.find((name) => !isAround(name)) ?? '',
          code,
        },
      ];
    }),
  );
}

/** How much of a dense program's time the same layer with zeros may take. */
const allowed = 1.03;

/** Passes in which the programs are timed again that were slower than their dense counterparts. */
const passesAgain = 4;

/** Every family at every shape and sparsity; the layer picks its kernel as in any program. */
export async function compareLayers(place: HostName): Promise<{ rows: Row[]; bars: Bar[] }> {
  const contenders: Contender[] = [];
  const add = (id: string, graph: Graph, kernel?: string) =>
    contenders.push({
      id,
      compile: () =>
        compile(
          graph,
          kernel ? { pick: (_, able) => able.find(({ name }) => name === kernel) } : {},
        ),
    });
  const dense = new Map<string, readonly string[]>();
  for (const [kernel, shapes] of [
    [1, pointwise],
    [3, threeByThree],
  ] as const)
    for (const shape of shapes) {
      const { title, graph } = layer(kernel, shape);
      dense.set(title, kernelsOf(graph));
      for (const name of dense.get(title)!) add(`${title} ${name}`, graph, name);
      add(`${title} dense`, graph);
    }
  const cells = families.flatMap(({ title: family, kernel, pruning, wanted }) =>
    (kernel === 1 ? pointwise : threeByThree).flatMap((shape, place) =>
      sparsities
        .filter((sparsity) => pruning.scheme !== pattern || sparsity >= 0.6)
        .map((sparsity) => {
          const { title, graph } = layer(kernel, shape, (values, dims) =>
            prunedAtRandom(values, dims, pruning, sparsity, place + 1),
          );
          const id = `${title} ${family} ${sparsity}`;
          add(id, graph);
          return { id, family, title, sparsity, wanted: wanted[sparsity] };
        }),
    ),
  );
  const times = await timeAll(place, contenders, 1);
  /** The time of the whole program as a multiple of the dense one's. */
  const against = ({ id, title }: { readonly id: string; readonly title: string }): number => {
    const [own, other] = [times.get(id)!, times.get(`${title} dense`)!];
    return own.code === other.code ? 1 : own.whole / other.whole;
  };
  // What the rest of the machine did is told from what the code does by another look.
  const doubtful = new Set(
    cells
      .filter((cell) => against(cell) > allowed)
      .flatMap(({ id, title }) => [id, `${title} dense`]),
  );
  const again = contenders.filter(({ id }) => doubtful.has(id));
  for (const [id, time] of await timeAll(place, again, passesAgain)) {
    const before = times.get(id)!;
    const least = (which: 'layer' | 'whole') => Math.min(time[which], before[which]);
    times.set(id, { ...before, layer: least('layer'), whole: least('whole') });
  }
  const two = (value: number) => Number(value.toFixed(2));
  const rows = cells.map((cell) => {
    const { id, family, title, sparsity } = cell;
    const best = Math.min(...dense.get(title)!.map((name) => times.get(`${title} ${name}`)!.layer));
    const own = times.get(id)!;
    return {
      place,
      family,
      layer: title,
      sparsity,
      kernel: own.kernel,
      denseUs: two(best),
      us: two(own.layer),
      ratio: two(best / own.layer),
      againstDenseProgram: Number(against(cell).toFixed(3)),
    };
  });
  const bars = families.flatMap(({ title, wanted }) =>
    Object.entries(wanted).map(([sparsity, ratio]) => {
      const those = rows.filter((row) => row.family === title && row.sparsity === Number(sparsity));
      return atLeast(
        `${place}, ${title}, ${100 * Number(sparsity)}% zeros: times as fast as dense, median of ${those.length} layers`,
        two(median(those.map((row) => row.ratio))),
        ratio,
      );
    }),
  );
  const slower = rows.filter(({ againstDenseProgram }) => againstDenseProgram > allowed);
  return {
    rows,
    bars: [
      ...bars,
      {
        name: `${place}, layers of ${rows.length} slower than their dense program by more than 3%`,
        value: slower.length,
        want: '0',
        holds: slower.length === 0,
      },
    ],
  };
}
