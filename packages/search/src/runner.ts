// Runs graphs in this process, compiled.

import { type CompileOptions, compile } from '@espalier/compiler';
import { allocate, type Graph, sameShape, type Tensor } from '@espalier/ir';
import { badInput } from './errors.ts';

/** Tensors by the names of a graph's inputs or outputs. */
export type Feeds = Readonly<Record<string, Tensor>>;

/** Computes all outputs of one graph. */
export type Run = (inputs: Feeds) => Record<string, Tensor>;

/** How elements lie in the program's memory; truth takes an i32. */
const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array } as const;

/** Compiles a graph for this process. */
export function createRun(graph: Graph, options: CompileOptions = {}): Run {
  const { program, modules, weights } = compile(graph, options);
  const memory = new WebAssembly.Memory({ initial: program.pages });
  new Uint8Array(memory.buffer).set(weights, program.weights.byteOffset);
  const relaxed = modules.relaxed as Uint8Array<ArrayBuffer>; // made by this compiler, never shared
  const code = WebAssembly.validate(relaxed) ? relaxed : modules.plain;
  const module = new WebAssembly.Module(code as Uint8Array<ArrayBuffer>);
  const { exports } = new WebAssembly.Instance(module, { e: { m: memory } });
  // The compiler exports nothing but functions of numbers.
  const functions = exports as Record<string, (...addresses: number[]) => void>;
  const step = ([fn, ...addresses]: readonly number[]) => functions[`f${fn}`]!(...addresses);
  for (const each of program.load) step(each);
  const elements = ({ dtype, byteOffset }: { dtype: string; byteOffset: number }, count: number) =>
    new arrays[dtype === 'f32' || dtype === 'u8' ? dtype : 'i32'](memory.buffer, byteOffset, count);
  return (inputs) => {
    for (const port of program.inputs) {
      const given = inputs[port.name];
      if (!given) throw badInput(port.name, 'it is missing');
      if (!sameShape(given.type.shape, port.shape))
        throw badInput(port.name, `[${given.type.shape}] for [${port.shape}]`);
      elements(port, given.data.length).set(given.data);
    }
    for (const each of program.run) step(each);
    return Object.fromEntries(
      program.outputs.map((port) => {
        const type = { dtype: port.dtype, shape: port.shape };
        const data = allocate(type);
        data.set(elements(port, data.length));
        return [port.name, { type, data }];
      }),
    );
  };
}
