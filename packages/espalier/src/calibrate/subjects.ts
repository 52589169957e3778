// What a calibration times: the micro-kernels, compiled with every kernel that can run them.

import {
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

const elementsOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

function subjectsOf({ name, manner, sparse, graph }: MicroKernel): Subject[] {
  const built = graph();
  const subjects: Subject[] = [];
  let kernels = 1;
  for (let index = 0; index < kernels; index++) {
    const { program, modules, weights, report } = compile(built, {
      pick(_, able) {
        kernels = Math.max(kernels, able.length);
        return able[Math.min(index, able.length - 1)];
      },
    });
    subjects.push({
      id: `${name} #${index}`,
      manner,
      modules,
      work: report.work,
      ...(sparse && { file: weights }),
      program: {
        run: program.run,
        load: program.load,
        pages: program.pages,
        inputs: program.inputs.map(({ byteOffset, shape }) => [byteOffset, elementsOf(shape)]),
        weights: [program.weights.byteOffset, program.weights.bytes],
      },
    });
  }
  return subjects;
}

/** The subjects of a calibration, compiled when they are asked for. */
export interface Subjects {
  /** How many groups there are: one a micro-kernel. */
  readonly count: number;
  group(index: number): readonly Subject[];
}

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
