// Runs a compiled program where it is built: what calibration reads, and what searches measure.

import { allocate, type Tensor } from '@espalier/ir';
import type { Port, Program, Step } from '@espalier/runtime';

/** A program, its module without relaxed SIMD, and its weights. */
interface Runnable {
  readonly program: Program;
  readonly modules: { readonly plain: Uint8Array };
  readonly weights: Uint8Array;
}

/** Inputs by name. */
export type Sample = Readonly<Record<string, Tensor>>;

/** Runs one inference; the outputs, by name. */
export type Run = (inputs: Sample) => Readonly<Record<string, Tensor>>;

/**
 * Loads a program.
 *
 * @param code The module to run, if not that without relaxed SIMD.
 */
export function load({ program, modules, weights }: Runnable, code = modules.plain): Run {
  const memory = new WebAssembly.Memory({ initial: program.pages });
  const module = new WebAssembly.Module(code as Uint8Array<ArrayBuffer>);
  const { exports } = new WebAssembly.Instance(module, { e: { m: memory } });
  const functions = exports as Record<string, (...addresses: number[]) => void>;
  const call = ([fn, ...addresses]: Step) => functions[`f${fn}`]!(...addresses);
  const words = ({ dtype, shape, byteOffset }: Port) => {
    const count = shape.reduce((product, extent) => product * extent, 1);
    return new (dtype === 'f32' ? Float32Array : Int32Array)(memory.buffer, byteOffset, count);
  };
  placeWeights(program, weights, memory, call);
  return (inputs) => {
    for (const port of program.inputs) words(port).set(inputs[port.name]!.data);
    program.run.forEach(call);
    return Object.fromEntries(
      program.outputs.map((port) => {
        const type = { dtype: port.dtype, shape: port.shape };
        const data = allocate(type);
        data.set(words(port));
        return [port.name, { type, data }];
      }),
    );
  };
}

/** Puts the weights file where it belongs, and unpacks it. */
export function placeWeights(
  { weights: { parts } }: Program,
  file: Uint8Array,
  memory: WebAssembly.Memory,
  call: (step: Step) => void,
): void {
  let at = 0;
  for (const { bytes, byteOffset, unpack } of parts) {
    new Uint8Array(memory.buffer).set(file.subarray(at, at + bytes), byteOffset);
    unpack.forEach(call);
    at += bytes;
  }
}
