// Sees to it that there is a profile of this machine.

import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { profileFormat, showProfile } from '@espalier/compiler';
import { replaceFile } from '../cache.ts';
import { localProfilePath } from '../targets.ts';
import { calibrateQuickly } from './quick.ts';

/** Calibrations that are under way: several models wait for one. */
const running = new Map<string, Promise<void>>();

/** Whether there is a profile of this machine that no older version wrote; what else may be wrong with it is for its reader to say. */
export async function hasLocalProfile(): Promise<boolean> {
  let text: string;
  try {
    text = await readFile(localProfilePath(), 'utf8');
  } catch {
    return false; // absent: it is measured now
  }
  const [, format] = /"format":\s*(\d+)/.exec(text) ?? [];
  return format === undefined || Number(format) >= profileFormat;
}

/**
 * Calibrates this machine where that has not been done, or by an older version, and keeps the profile.
 *
 * @param log Told when it is done.
 * @throws {EspalierError} CALIBRATION_STOPPED
 */
export async function ensureLocalProfile(log: (line: string) => void): Promise<void> {
  if (await hasLocalProfile()) return;
  const file = localProfilePath();
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
