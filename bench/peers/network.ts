// A network of a benchmark: its graph, its inputs, and what its outputs should be.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Compiled } from '@espalier/compiler';
import { importOnnx, writeOnnx } from '@espalier/importers';
import { type Graph, macs } from '@espalier/ir';
import { filledOnnx } from '../../test/support/filled-onnx.ts';
import { start } from '../../test/support/run-compiled.ts';
import type { ModelCase } from '../../test/support/trained-models.ts';
import type { Task } from './task.ts';

/** What every engine is given. */
export interface Network {
  readonly name: string;
  readonly graph: Graph;
  readonly compiled: Compiled;
  /** The bytes of an ONNX file with all weights. */
  onnx(): Uint8Array;
  /** Floating-point operations of one run: two a multiply-add. */
  readonly flops: number;
}

const bytes = (data: ArrayLike<number>): Uint8Array =>
  new Uint8Array(Float32Array.from(data).buffer);

/**
 * Imports and compiles a case, and writes its task, with our own outputs as those that are expected.
 *
 * @param change Makes another network of it, such as one with fewer weights.
 */
export function writeNetwork(
  from: ModelCase,
  folder: string,
  change?: (graph: Graph) => Graph,
): Network {
  const original = importOnnx(readFileSync(from.file), {
    file: from.file,
    fill: (tensor: string) => from.fill?.(tensor),
  });
  const graph = change ? change(original) : original;
  const running = start(graph);
  const feeds = Object.entries(from.inputs).map(([name, { shape, data }]) => {
    return [name, { type: { dtype: 'f32', shape }, data }] as const;
  });
  const results = running.run(Object.fromEntries(feeds));
  mkdirSync(folder, { recursive: true });
  const put = (file: string, data: ArrayLike<number>): string => {
    writeFileSync(join(folder, file), bytes(data));
    return file;
  };
  const task: Task = {
    inputs: feeds.map(([name, { type, data }], i) => {
      return { name, shape: type.shape, file: put(`input${i}.bin`, data) };
    }),
    outputs: Object.entries(results).map(([name, { type, data }], i) => {
      return { name, shape: type.shape, file: put(`output${i}.bin`, data) };
    }),
  };
  writeFileSync(join(folder, 'task.json'), JSON.stringify(task));
  return {
    name: from.model,
    graph,
    compiled: running.compiled,
    flops: 2 * macs(graph),
    onnx: () => (change ? writeOnnx(graph) : filledOnnx(from)),
  };
}
