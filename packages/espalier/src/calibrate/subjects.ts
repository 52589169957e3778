// What a calibration times: the micro-kernels, compiled with every kernel that can run them.

import {
  type Compiled,
  compile,
  type MicroKernel,
  microKernels,
  type SimdModule,
  type Work,
} from '@espalier/compiler';
import type { Manner, TimedProgram } from './time-program.ts';

/** One program to time. */
export interface Subject {
  /** The micro-kernel, and which of the kernels that can run it. */
  readonly id: string;
  readonly manner: Manner;
  readonly program: TimedProgram;
  readonly modules: Readonly<Record<SimdModule, Uint8Array>>;
  readonly work: readonly Work[];
  /** The weights file, where random weights would not do. */
  readonly file?: Uint8Array;
}

/** A compiled program as a subject; with its weights file, if random weights would not do. */
export function subjectOf(
  id: string,
  manner: Manner,
  { program, modules, weights, report }: Compiled,
  keepsWeights: boolean,
): Subject {
  const { run, pages, inputs } = program;
  return {
    id,
    manner,
    modules,
    work: report.work,
    ...(keepsWeights && { file: weights }),
    program: {
      run,
      timed: run.map((_, step) => step),
      pages,
      inputs: inputs.map(({ byteOffset, shape }) => [byteOffset, elementsOf(shape)]),
      weights: program.weights.parts.map(({ byteOffset, bytes, unpack }) => ({
        byteOffset,
        bytes,
        unpack,
      })),
    },
  };
}

const elementsOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

function subjectsOf({ name, manner, sparse, graph }: MicroKernel): Subject[] {
  const built = graph();
  const subjects: Subject[] = [];
  const known = new Set<string>();
  let kernels = 1;
  for (let index = 0; index < kernels; index++) {
    const compiled = compile(built, {
      pick(_, able) {
        kernels = Math.max(kernels, able.length);
        return able[Math.min(index, able.length - 1)];
      },
    });
    subjects.push(onlyNew(subjectOf(`${name} #${index}`, manner, compiled, sparse), known));
  }
  return subjects.filter(({ program }) => program.timed.length > 0);
}

/** The subject without the steps that were timed before: most kernels are given the same copies of the input. */
function onlyNew(subject: Subject, known: Set<string>): Subject {
  const keys = subject.work.map(({ label: _, ...counts }) => JSON.stringify(counts));
  const timed = subject.program.timed.filter((step) => {
    const isNew = !known.has(keys[step]!);
    known.add(keys[step]!);
    return isNew;
  });
  return { ...subject, program: { ...subject.program, timed } };
}

/** The subjects of a calibration, compiled when they are asked for. */
export interface Subjects {
  /** How many groups there are: one a micro-kernel. */
  readonly count: number;
  group(index: number): readonly Subject[];
}

/** The same subjects several times over: what was disturbed in one pass is not in another. */
export const inPasses = (subjects: Subjects, passes: number): Subjects => ({
  count: passes * subjects.count,
  group: (index) => subjects.group(index % subjects.count),
});

/** All subjects, or those of every `stride`-th micro-kernel. */
export function createSubjects(stride = 1): Subjects {
  const chosen = microKernels.filter((_, i) => i % stride === 0);
  const groups = new Map<number, readonly Subject[]>();
  return {
    count: chosen.length,
    group(index) {
      const known = groups.get(index) ?? subjectsOf(chosen[index]!);
      groups.set(index, known);
      return known;
    },
  };
}
