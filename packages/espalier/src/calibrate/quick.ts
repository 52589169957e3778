// Calibrates this machine in a few seconds, so that `target=local` works unasked.

import { fork } from 'node:child_process';
import { extname } from 'node:path';
import type { Profile } from '@espalier/compiler';
import { calibrationStopped } from '../errors.ts';
import { localFacts } from './device-facts.ts';
import { fitProfile } from './fit-profile.ts';
import { parseMeasurements } from './measurements.ts';
import { createSubjects } from './subjects.ts';

/**
 * Only every third micro-kernel is timed. The densities and sizes that take turns in their list number two, four or
 * five: every second would leave whole kinds out.
 */
export const quickStride = 3;

/**
 * Times a part of the micro-kernels in a process of its own: what a bundler does meanwhile does not count, and code is
 * compiled with all optimisations at once, so that nothing has to be warmed up.
 *
 * @returns The profile of Node's engine on this machine.
 * @throws {EspalierError} CALIBRATION_STOPPED, BAD_MEASUREMENTS
 */
export async function calibrateQuickly(): Promise<Profile> {
  const ending = extname(import.meta.url);
  // In a checkout that is TypeScript.
  const loader = ending === '.ts' ? [`--import=${import.meta.resolve('tsx')}`] : [];
  const inherited = process.execArgv.filter((option) => !/^--(inspect|eval|print)/.test(option));
  const child = fork(new URL(`./quick-child${ending}`, import.meta.url), {
    execArgv: [...inherited, ...loader, '--no-liftoff'],
  });
  const report = await new Promise<string>((resolve, reject) => {
    child.once('message', (text) => resolve(String(text)));
    child.once('error', (cause) => reject(calibrationStopped(cause)));
    child.once('exit', (code, signal) =>
      reject(calibrationStopped(new Error(`it exited with ${signal ?? code}`))),
    );
  });
  return fitProfile(createSubjects(quickStride), parseMeasurements(report), localFacts('local'));
}
