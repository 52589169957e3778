// Sees to it that there is a profile of this machine.

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { showProfile } from '@espalier/compiler';
import { replaceFile } from '../cache.ts';
import { localProfilePath } from '../targets.ts';
import { calibrateQuickly } from './quick.ts';

/** Calibrations that are under way: several models wait for one. */
const running = new Map<string, Promise<void>>();

/**
 * Calibrates this machine where that has not been done, and keeps the profile.
 *
 * @param log Told when it is done.
 * @throws {EspalierError} CALIBRATION_STOPPED
 */
export async function ensureLocalProfile(log: (line: string) => void): Promise<void> {
  const file = localProfilePath();
  if (existsSync(file)) return;
  let started = running.get(file);
  if (!started) {
    started = calibrateInto(file, log).finally(() => running.delete(file));
    running.set(file, started);
  }
  await started;
}

async function calibrateInto(file: string, log: (line: string) => void): Promise<void> {
  const startMs = performance.now();
  const profile = await calibrateQuickly();
  await mkdir(dirname(file), { recursive: true });
  await replaceFile(file, showProfile(profile));
  const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
  log(`calibrated this machine (${profile.title}, ${profile.engine}) in ${seconds} s: ${file}`);
}
