// The story of a compilation: graph, better graph, calls, addresses, modules, program.

import { createHash } from 'node:crypto';
import { assert, type DType, type Graph } from '@espalier/ir';
import type { Port, Program, Step } from '@espalier/runtime';
import type { Profile } from './devices/profile.ts';
import { profileOf } from './devices/profiles.ts';
import type { Work } from './devices/work.ts';
import { encodeWeights, type Packed, type WeightFile, type WeightFormat } from './emit/weights.ts';
import { optimise } from './pipeline.ts';
import { aligned, placeBuffers } from './plan/arena.ts';
import { lifetimes } from './plan/lifetimes.ts';
import type { Address, Buffer } from './plan/view.ts';
import { calibrate } from './quantise/calibrate.ts';
import { quantise } from './quantise/quantise.ts';
import { syntheticSamples } from './quantise/synthetic.ts';
import { load, type Sample } from './run-program.ts';
import type { KernelPick } from './targets/wasm/choose.ts';
import { createLinker } from './targets/wasm/link.ts';
import { lower, type PortBuffer } from './targets/wasm/lower.ts';
import { unpackOffsets, unpackWeights } from './targets/wasm/unpack.ts';
import { workOf } from './targets/wasm/work-of.ts';

/** What layers with constant weights are computed in (`?precision=`). */
export type Precision = 'f32' | 'int8';

/** What a user may choose. */
export interface CompileOptions {
  /** How weights are stored; default `f32`. */
  readonly weights?: WeightFormat;
  /** Whether convolutions are computed as plain sums, without Winograd, and quotients as such. Default false. */
  readonly exact?: boolean;
  /**
   * What layers with constant weights are computed in: floats, or 8-bit integers with codes of activations
   * calibrated on samples. Default `f32`.
   */
  readonly precision?: Precision;
  /** Inputs as they will occur, for `int8`, or how to make them for a graph's; without any, made-up ones. */
  readonly samples?: readonly Sample[] | ((graph: Graph) => readonly Sample[]);
  /** The device for which kernels are chosen; by default one that stands for all. */
  readonly profile?: Profile;
  /** For how many threads layers are cut into parts; the program runs on one all the same. Default 1. */
  readonly threads?: number;
  /** Overrules the choice of kernels: what benchmarks and calibration need. */
  readonly pick?: KernelPick;
}

/** Where memory and code go, for `inspect` and for logs. */
export interface CompileReport {
  /** Activations and ports, shared by lifetime. */
  readonly arenaBytes: number;
  /** Weights in memory, unpacked. */
  readonly weightBytes: number;
  /** Functions after sharing. */
  readonly functions: number;
  /** One label a step, in order. */
  readonly steps: readonly string[];
  /** What each step does, in order: `latency` predicts from it. */
  readonly work: readonly Work[];
  /** What activations were calibrated on, in 8 bits: what was given, or made-up inputs. */
  readonly calibration?: 'samples' | 'synthetic';
  /** The graph as it was lowered. */
  readonly graph: Graph;
}

/** A compiled model: what is emitted as files. */
export interface Compiled {
  readonly program: Program;
  readonly modules: { readonly plain: Uint8Array; readonly relaxed: Uint8Array };
  readonly weights: Uint8Array;
  readonly report: CompileReport;
}

/** A function of its own, since a frame holds what it has been given. */
const optimisedOf = (source: Graph | (() => Graph), { exact }: CompileOptions): Graph =>
  optimise(typeof source === 'function' ? source() : source, { exact });

/** The reads past a buffer's end that kernels may make. */
const readSlack = 64;
const pageBytes = 65536;

/** The type of a port: codes never leave a program. */
function portDType(dtype: DType): Port['dtype'] {
  assert(dtype !== 'u8', 'a graph takes and gives no codes');
  return dtype;
}

/**
 * Compiles a graph for WebAssembly. The same graph and options give the same bytes. A graph that is made here, and
 * held by nobody else, takes its weights with it once they are folded.
 */
export const compile = (source: Graph | (() => Graph), options: CompileOptions = {}): Compiled =>
  compileTogether([source], options)[0]!; // one source, one result

/** Compiles graphs, of one model in several shapes, into programs that load one and the same weights file. */
export function compileTogether(
  sources: readonly (Graph | (() => Graph))[],
  options: CompileOptions = {},
): readonly Compiled[] {
  const optimised = (source: Graph | (() => Graph)) => optimisedOf(source, options);
  if (options.precision !== 'int8') return compileOptimised(sources.map(optimised), options);
  const { samples: given = [], ...others } = options;
  const calibrated = sources.map((source) => {
    const graph = optimised(source);
    const samples = typeof given === 'function' ? given(graph) : given;
    const used = samples.length > 0 ? samples : syntheticSamples(graph);
    const ranges = calibrate(graph, used, (values) => load(compile(values)));
    const calibration = samples.length > 0 ? ('samples' as const) : ('synthetic' as const);
    return { graph: quantise(graph, ranges), calibration };
  });
  const graphs = calibrated.map(({ graph }) => graph);
  return compileOptimised(graphs, others).map((compiled, i) => {
    const { calibration } = calibrated[i]!; // one for each graph
    return { ...compiled, report: { ...compiled.report, calibration } };
  });
}

/** A graph as calls of kernels, with the constants that they read. */
type Lowered = ReturnType<typeof lower> & { readonly graph: Graph };

/** Compiles graphs that have been through the passes. */
function compileOptimised(graphs: readonly Graph[], options: CompileOptions): readonly Compiled[] {
  const {
    weights = 'f32',
    exact = false,
    profile = profileOf('wasm'),
    pick,
    threads = 1,
  } = options;
  const all = graphs.map(
    (graph): Lowered => ({ graph, ...lower(graph, { exact, profile, pick, threads }) }),
  );
  const file = encodeWeights(
    all.map(({ constants }) => constants),
    weights,
  );
  const sha256 = digestOf(file.bytes);
  return all.map((lowered, i) => assemble(lowered, file, file.packed[i]!, sha256, threads));
}

/** Node digests less than 2 GiB at once. */
const mostAtOnce = 1 << 30;

function digestOf(bytes: Uint8Array): string {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.length; at += mostAtOnce)
    hash.update(bytes.subarray(at, at + mostAtOnce));
  return hash.digest('hex');
}

/** Gives everything its address. */
function assemble(
  { graph, calls, inputs, outputs, groups }: Lowered,
  file: WeightFile,
  packed: readonly Packed[],
  sha256: string,
  threads: number,
): Compiled {
  const ports = [...inputs, ...outputs].map(({ buffer }) => buffer);
  const arena = placeBuffers(lifetimes(calls, ports, groups));

  // Unpacked weights, then the file, whose packed part may lie under the arena: it is read before that is used.
  const offsets = new Map<Buffer, number>();
  let unpackedBytes = 0;
  for (const { buffer } of packed) {
    offsets.set(buffer, unpackedBytes);
    unpackedBytes += aligned(buffer.bytes);
  }
  for (const [buffer, offset] of file.plain) offsets.set(buffer, unpackedBytes + offset);
  const arenaStart = aligned(unpackedBytes + file.plainBytes);
  for (const [buffer, offset] of arena.offsets) offsets.set(buffer, arenaStart + offset);
  const bytes = Math.max(arenaStart + arena.bytes, unpackedBytes + file.bytes.length) + readSlack;

  const linker = createLinker();
  const resolve = ({ buffer, byteOffset }: Address): number =>
    (offsets.get(buffer) ?? arenaStart) + byteOffset;
  const load = packed.map((part): Step => {
    const to = offsets.get(part.buffer)!;
    const codes = unpackedBytes + part.fileOffset;
    if (part.kind === 'offsets')
      return [linker.add(unpackOffsets(part)).fn, codes, offsets.get(part.counts)!, to];
    return [linker.add(unpackWeights(part)).fn, codes, unpackedBytes + part.scalesOffset, to];
  });
  const linked = calls.map((call) => ({ call, ...linker.add(call) }));
  const run = linked.map(({ fn, call }): Step => [fn, ...call.args.map(resolve)]);
  const pages = Math.ceil(bytes / pageBytes);
  const modules = linker.link(pages, groups.length > 0);

  const port = ({ name, type, buffer }: PortBuffer): Port => ({
    name,
    dtype: portDType(type.dtype),
    shape: type.shape,
    byteOffset: offsets.get(buffer) ?? arenaStart,
  });
  return {
    program: {
      executor: 'wasm',
      inputs: inputs.map(port),
      outputs: outputs.map(port),
      pages,
      weights: {
        byteOffset: unpackedBytes,
        bytes: file.bytes.length,
        sha256,
      },
      load,
      run,
      ...(groups.length > 0 && { parallel: { threads, groups } }),
    },
    modules,
    weights: file.bytes,
    report: {
      arenaBytes: arena.bytes,
      weightBytes: unpackedBytes + file.plainBytes,
      functions: new Set([...load, ...run].map(([fn]) => fn)).size,
      steps: calls.map(({ label }) => label),
      work: linked.map(({ call, tally }) => workOf(call, tally)),
      graph,
    },
  };
}
