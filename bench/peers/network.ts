// A network of a benchmark: its graph, its inputs, and what its outputs should be.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Compiled } from '@espalier/compiler';
import { importOnnx } from '@espalier/importers';
import { type Graph, macs } from '@espalier/ir';
import { start } from '../../test/support/run-compiled.ts';
import type { ModelCase } from '../../test/support/trained-models.ts';
import type { Task } from './task.ts';

/** What every engine is given. */
export interface Network {
  readonly name: string;
  /** The case that it was read from. */
  readonly from: ModelCase;
  readonly graph: Graph;
  readonly compiled: Compiled;
  /** Floating-point operations of one run: two a multiply-add. */
  readonly flops: number;
}

const bytes = (data: ArrayLike<number>): Uint8Array =>
  new Uint8Array(Float32Array.from(data).buffer);

/** Imports and compiles a case, and writes its task, with our own outputs as those that are expected. */
export function writeNetwork(from: ModelCase, folder: string): Network {
  const graph = importOnnx(readFileSync(from.file), {
    file: from.file,
    fill: (tensor: string) => from.fill?.(tensor),
  });
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
  return { name: from.model, from, graph, compiled: running.compiled, flops: 2 * macs(graph) };
}
