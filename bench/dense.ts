// Is a dense network faster compiled than in onnxruntime-web? (Node, one thread)

import { readFileSync } from 'node:fs';
import { importOnnx } from '@espalier/importers';
import { macs } from '@espalier/ir';
import * as ort from 'onnxruntime-web/wasm';
import { filledOnnx } from '../test/support/filled-onnx.ts';
import { start } from '../test/support/run-compiled.ts';
import { hasSharedData } from '../test/support/shared-data.ts';
import { type ModelCase, skeletonCases } from '../test/support/trained-models.ts';
import { atLeast, type Bar, type Report, type Row } from './bars.ts';

const networks = ['mobilenet_v2', 'resnet18'] as const;
const rounds = 25;

interface Timing {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

function summary(times: readonly number[]): Timing {
  const sorted = [...times].sort((a, b) => a - b);
  return { min: sorted[0]!, median: sorted[sorted.length >> 1]!, max: sorted.at(-1)! };
}

/** One network in both engines, turn and turn about, after both are warm. */
async function compare(network: ModelCase): Promise<{ rows: Row[]; bar: Bar }> {
  const [[name, input]] = Object.entries(network.inputs) as [
    [string, { shape: number[]; data: Float32Array }],
  ];
  const type = { dtype: 'f32', shape: input.shape } as const;
  const graph = importOnnx(readFileSync(network.file), {
    file: network.file,
    fill: (tensor: string) => network.fill?.(tensor),
  });
  const running = start(graph);
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(filledOnnx(network), {
    executionProviders: ['wasm'],
  });
  const feeds = { [name]: new ort.Tensor('float32', input.data, input.shape) };
  const contenders = {
    Espalier: async () => void running.run({ [name]: { type, data: input.data } }),
    'onnxruntime-web': async () => void (await session.run(feeds)),
  } as const;
  const times = { Espalier: [] as number[], 'onnxruntime-web': [] as number[] };
  for (let round = -8; round < rounds; round++)
    for (const engine of Object.keys(contenders) as (keyof typeof contenders)[]) {
      const begin = performance.now();
      await contenders[engine]();
      if (round >= 0) times[engine].push(performance.now() - begin);
    }
  await session.release();
  const flops = 2 * macs(graph);
  const rows = (Object.keys(times) as (keyof typeof times)[]).map((engine): Row => {
    const { min, median, max } = summary(times[engine]);
    const round = (ms: number) => Number(ms.toFixed(2));
    return {
      network: network.model,
      engine,
      minMs: round(min),
      medianMs: round(median),
      maxMs: round(max),
      gflops: Number((flops / median / 1e6).toFixed(1)),
    };
  });
  const ratio = summary(times['onnxruntime-web']).median / summary(times.Espalier).median;
  return {
    rows,
    bar: atLeast(`${network.model}: onnxruntime-web / Espalier`, Number(ratio.toFixed(2)), 1),
  };
}

/** Medians of 25 interleaved runs, and their ratio. */
export async function run(): Promise<Report> {
  if (!hasSharedData()) {
    console.log('skipped: the shared data is not here (set ESPALIER_DATA)');
    return { rows: [], bars: [] };
  }
  const rows: Row[] = [];
  const bars: Bar[] = [];
  for (const network of skeletonCases()) {
    if (!networks.some((name) => name === network.model)) continue;
    const compared = await compare(network);
    rows.push(...compared.rows);
    bars.push(compared.bar);
  }
  return { rows, bars };
}
