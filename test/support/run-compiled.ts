// Runs a compiled model in Node without the runtime: what `agrees` and the model tests compare.

import { type Compiled, type CompileOptions, compile, placeWeights } from '@espalier/compiler';
import { allocate, type Graph, type Tensor } from '@espalier/ir';
import type { Port, Program, Step } from '@espalier/runtime';

/** A compiled model in memory. */
export interface Running {
  readonly compiled: Compiled;
  run(inputs: Readonly<Record<string, Tensor>>): Record<string, Tensor>;
  /** The steps of one inference alone, for timing. */
  infer(): void;
}

const words = (memory: WebAssembly.Memory, port: Port): Float32Array | Int32Array => {
  const count = port.shape.reduce((n, d) => n * d, 1);
  return port.dtype === 'f32'
    ? new Float32Array(memory.buffer, port.byteOffset, count)
    : new Int32Array(memory.buffer, port.byteOffset, count);
};

/** Compiles with one kernel wherever it can run, whatever is predicted. */
export const withKernel = (name: string): CompileOptions => ({
  pick: (_, able) => able.find((kernel) => kernel.name === name),
});

/** Compiles and instantiates; `order` says which steps an inference takes. */
export function start(
  graph: Graph,
  options: CompileOptions = {},
  variant: 'plain' | 'relaxed' = 'plain',
  order: (program: Program) => Program['run'] = ({ run }) => run,
): Running {
  const compiled = compile(graph, options);
  const { program, modules, weights } = compiled;
  const memory = new WebAssembly.Memory({ initial: program.pages, maximum: program.pages });
  const module = new WebAssembly.Module(modules[variant] as Uint8Array<ArrayBuffer>);
  const { exports } = new WebAssembly.Instance(module, { e: { m: memory } });
  const functions = exports as Record<string, (...addresses: number[]) => void>;
  const call = ([fn, ...addresses]: Step) => functions[`f${fn}`]!(...addresses);
  placeWeights(program, weights, memory, call);
  const infer = () => order(program).forEach(call);
  return {
    compiled,
    infer,
    run(inputs) {
      for (const port of program.inputs) words(memory, port).set(inputs[port.name]!.data);
      infer();
      return Object.fromEntries(
        program.outputs.map((port) => {
          const type = { dtype: port.dtype, shape: port.shape };
          const data = allocate(type);
          data.set(words(memory, port));
          return [port.name, { type, data }] as const;
        }),
      );
    },
  };
}
