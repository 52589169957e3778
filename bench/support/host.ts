// This machine, calibrated now: what benchmarks of predictions compare with.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type Compiled, type Profile, parseProfile, showProfile } from '@espalier/compiler';
import { localFacts } from '../../packages/espalier/src/calibrate/device-facts.ts';
import { fitProfile } from '../../packages/espalier/src/calibrate/fit-profile.ts';
import { measureInChromium } from '../../packages/espalier/src/calibrate/in-chromium.ts';
import { measureInNode } from '../../packages/espalier/src/calibrate/in-node.ts';
import {
  createSubjects,
  type Subject,
  type Subjects,
  subjectOf,
} from '../../packages/espalier/src/calibrate/subjects.ts';

/** Programs to time, compiled when their turn comes. */
export interface Timed {
  readonly id: string;
  compile(): Compiled;
}

/** A calibrated engine on this machine. */
export interface Host {
  readonly profile: Profile;
  /** The least time of one inference of each program, in ms, one after the other in one process. */
  measure(programs: readonly Timed[]): Promise<Map<string, number>>;
}

const { argv } = process;

/** The text behind `--name`. */
const option = (name: string): string | undefined => {
  const at = argv.indexOf(`--${name}`);
  return at < 0 ? undefined : argv[at + 1];
};

const progress = (done: number, count: number): void => {
  if (done % 10 === 0) process.stderr.write(`\r${done} of ${count}  `);
};

/**
 * Calibrates Node, or with `--chromium` headless Chromium. `--profile file` keeps the profile there, and takes
 * it from there the next time.
 */
export async function calibratedHost(): Promise<Host> {
  const measureAll = argv.includes('--chromium') ? measureInChromium : measureInNode;
  const file = option('profile');
  const kept =
    file && existsSync(file) ? parseProfile(readFileSync(file, 'utf8'), file) : undefined;
  let profile = kept;
  if (!profile) {
    const subjects = createSubjects();
    const measurements = await measureAll(subjects, progress);
    profile = fitProfile(subjects, measurements, localFacts('local'));
    if (file) writeFileSync(file, showProfile(profile));
  }
  console.log(`${profile.engine}, ${profile.modules[0]} module`);
  const [module] = profile.modules;
  return {
    profile,
    async measure(programs) {
      // One at a time: a program of a network is large.
      const subjects: Subjects = {
        count: programs.length,
        group(index): readonly Subject[] {
          const { id, compile } = programs[index]!;
          return [subjectOf(id, 'whole', compile(), true)];
        },
      };
      const { timings } = await measureAll(subjects, progress, module);
      return new Map(timings[module].map(({ id, ns }) => [id, ns[0]! / 1e6]));
    },
  };
}
