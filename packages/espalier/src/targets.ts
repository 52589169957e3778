// What `?target=` names: a profile that comes along, this machine, or a file.

import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { type Profile, parseProfile, profileNames, profileOf } from '@espalier/compiler';
import { badDirective, laterDirective, noProfile } from './errors.ts';
import { didYouMean } from './nearest.ts';

/** This machine, once calibrated. */
export const local = 'local';

const later = ['webgl', 'webgpu'] as const;

/** Every target that has a name. */
export const targetNames: readonly string[] = [...profileNames, local];

/** Whether a target is a path of a profile. */
const isPath = (target: string): boolean => /^\.{0,2}\//.test(target) || isAbsolute(target);

/**
 * Checks a target, without reading anything.
 *
 * @throws {EspalierError} BAD_DIRECTIVE, LATER_DIRECTIVE
 */
export function parseTarget(text: string): string {
  if (targetNames.includes(text) || (isPath(text) && text.endsWith('.json'))) return text;
  if (later.some((name) => name === text))
    throw laterDirective(`target=${text}`, 'it compiles for WebAssembly only');
  if (isPath(text)) throw badDirective('target', text, 'a device profile is a .json file');
  throw badDirective('target', text, didYouMean(text, [...targetNames, ...later]));
}

/** Where the profile of this machine is kept; `ESPALIER_LOCAL_PROFILE` names another place. */
export const localProfilePath = (): string =>
  process.env.ESPALIER_LOCAL_PROFILE ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'espalier', 'local.device.json');

/** A profile, and the file that it is from, if it is the user's. */
export interface Target {
  readonly profile: Profile;
  readonly file: string | undefined;
}

/**
 * The profile of a target.
 *
 * @param folder What paths are relative to.
 * @throws {EspalierError} NO_PROFILE, BAD_PROFILE
 */
export function readTarget(target: string, folder: string): Target {
  const name = profileNames.find((one) => one === target);
  if (name) return { profile: profileOf(name), file: undefined };
  const file = target === local ? localProfilePath() : resolve(folder, target);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw noProfile(target, file, cause);
  }
  return { profile: parseProfile(text, file), file };
}
