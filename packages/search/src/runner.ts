// Runs graphs in this process, compiled.

import { type CompileOptions, compile, load, type Run, type Sample } from '@espalier/compiler';
import { type Graph, sameShape } from '@espalier/ir';
import { badInput } from './errors.ts';

export type { Run } from '@espalier/compiler';

/** Tensors by the names of a graph's inputs or outputs. */
export type Feeds = Sample;

/** Compiles a graph for this process. */
export function createRun(graph: Graph, options: CompileOptions = {}): Run {
  const compiled = compile(graph, options);
  const { inputs } = compiled.program;
  const relaxed = compiled.modules.relaxed as Uint8Array<ArrayBuffer>; // made by this compiler, never shared
  const run = load(compiled, WebAssembly.validate(relaxed) ? relaxed : undefined);
  return (feeds) => {
    for (const { name, shape } of inputs) {
      const given = feeds[name];
      if (!given) throw badInput(name, 'it is missing');
      if (!sameShape(given.type.shape, shape))
        throw badInput(name, `[${given.type.shape}] for [${shape}]`);
    }
    return run(feeds);
  };
}
