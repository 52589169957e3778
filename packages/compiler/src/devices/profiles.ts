// The profiles that come with the compiler.

import { readFileSync } from 'node:fs';
import { type Profile, parseProfile } from './profile.ts';

/** Devices that can be named without having been calibrated; `wasm` stands for all of them. */
export const profileNames = ['wasm', 's20', 'iphone12', 'pixel6', 'laptop'] as const;

/** One of `profileNames`. */
export type ProfileName = (typeof profileNames)[number];

const loaded = new Map<ProfileName, Profile>();

/** The profile of a name. */
export function profileOf(name: ProfileName): Profile {
  const known = loaded.get(name);
  if (known) return known;
  // From the sources and from `dist` alike; engines that import JSON without a warning are too new.
  const url = new URL(`../../src/devices/profiles/${name}.json`, import.meta.url);
  const profile = parseProfile(readFileSync(url, 'utf8'), `${name}.json`, (other) =>
    other === 'wasm' && name !== 'wasm' ? profileOf(other) : undefined,
  );
  loaded.set(name, profile);
  return profile;
}
