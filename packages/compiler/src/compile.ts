// The story of a compilation: graph, better graph, calls, addresses, modules, program.

import { assert, type DType, type Graph } from '@espalier/ir';
import type { Port, Program, Step } from '@espalier/runtime';
import type { Profile } from './devices/profile.ts';
import { profileOf } from './devices/profiles.ts';
import type { Work } from './devices/work.ts';
import type { WeightFormat } from './emit/pack.ts';
import { placeParts, readyAfter } from './emit/place-parts.ts';
import { encodeWeights, type PackedPlace, type WeightFile } from './emit/weights.ts';
import { inFixedPoint } from './fixed-point.ts';
import { optimise } from './pipeline.ts';
import { aligned, placeBuffers } from './plan/arena.ts';
import { lifetimes } from './plan/lifetimes.ts';
import type { Address } from './plan/view.ts';
import { calibrate } from './quantise/calibrate.ts';
import { quantise } from './quantise/quantise.ts';
import { syntheticSamples } from './quantise/synthetic.ts';
import { load, type Sample } from './run-program.ts';
import type { KernelPick } from './targets/wasm/choose.ts';
import { digestRounds } from './targets/wasm/digest.ts';
import { createLinker } from './targets/wasm/link.ts';
import { lower, type PortBuffer } from './targets/wasm/lower.ts';
import { unpackOffsets, unpackWeights } from './targets/wasm/unpack.ts';
import { workOf } from './targets/wasm/work-of.ts';

/** What layers with constant weights are computed in (`?precision=`). */
export type Precision = 'f32' | 'int16' | 'int8';

/** What a user may choose. */
export interface CompileOptions {
  /** How weights are stored; default `f32`. */
  readonly weights?: WeightFormat;
  /** Whether convolutions are computed as plain sums, without Winograd, and quotients as such. Default false. */
  readonly exact?: boolean;
  /**
   * What layers with constant weights are computed in: floats, 16-bit fixed point, or 8-bit integers with codes of
   * activations calibrated on samples. Default `f32`, but for layers that the graph itself gives a precision.
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
/** The digest of a part, in a cache line of its own. */
const digestBytes = 64;

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
  if (options.precision === 'int16')
    return compileOptimised(
      sources.map((source) => inFixedPoint(optimised(source))),
      options,
    );
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
  return all.map((lowered, i) => assemble(lowered, file, file.packed[i]!, threads));
}

/** Gives everything its address. */
function assemble(
  { graph, calls, inputs, outputs, groups }: Lowered,
  file: WeightFile,
  packed: readonly PackedPlace[],
  threads: number,
): Compiled {
  const ports = [...inputs, ...outputs].map(({ buffer }) => buffer);
  const arena = placeBuffers(lifetimes(calls, ports, groups));

  // Constants, then what inferences write, then a place for one part of the file after the other to be unpacked from.
  const places = placeParts(file, packed, calls);
  const { offsets, needs } = places;
  const arenaStart = places.bytes;
  for (const [buffer, offset] of arena.offsets) offsets.set(buffer, arenaStart + offset);
  const staging = arenaStart + aligned(arena.bytes);
  const partOffset = (part: number) => places.parts[part] ?? staging;
  const stagingBytes = file.parts.reduce(
    (most, { bytes }, part) => (places.parts[part] === undefined ? Math.max(most, bytes) : most),
    0,
  );
  const digestOffset = staging + aligned(stagingBytes);
  const bytes = digestOffset + digestBytes + readSlack;

  const linker = createLinker();
  const resolve = ({ buffer, byteOffset }: Address): number =>
    (offsets.get(buffer) ?? arenaStart) + byteOffset;
  const digest = linker.add(digestRounds).fn;
  const unpack = file.parts.map((): Step[] => []);
  for (const one of packed) {
    const to = offsets.get(one.buffer)!;
    const from = partOffset(one.part) + one.byteOffset;
    unpack[one.part]!.push(
      one.kind === 'offsets'
        ? [linker.add(unpackOffsets(one)).fn, from, offsets.get(one.counts)!, to]
        : [linker.add(unpackWeights(one)).fn, from + one.codesOffset, from, to],
    );
  }
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
        bytes: file.bytes.length,
        digest: { fn: digest, byteOffset: digestOffset },
        parts: file.parts.map(({ bytes, digest }, part) => ({
          bytes,
          byteOffset: partOffset(part),
          digest,
          unpack: unpack[part]!,
          ready: readyAfter(part, needs),
        })),
      },
      run,
      ...(groups.length > 0 && { parallel: { threads, groups } }),
    },
    modules,
    weights: file.bytes,
    report: {
      arenaBytes: arena.bytes,
      weightBytes: arenaStart,
      functions: new Set([...unpack.flat(), ...run].map(([fn]) => fn)).size,
      steps: calls.map(({ label }) => label),
      work: linked.map(({ call, tally }) => workOf(call, tally)),
      graph,
    },
  };
}
