// What measurements do not tell of a device: the sizes of its caches, and its clock.

import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { type Caches, type ProfileName, profileOf } from '@espalier/compiler';
import type { DeviceFacts } from './fit-profile.ts';

const sizeUnits: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/** What Linux says of one cache of the first core. */
function linuxCache(index: number): { readonly level: number; readonly bytes: number } | undefined {
  const read = (name: string) =>
    readFileSync(`/sys/devices/system/cpu/cpu0/cache/index${index}/${name}`, 'utf8').trim();
  try {
    if (read('type') === 'Instruction') return { level: 0, bytes: 0 };
    const [, count, unit] = /^(\d+)([KMG]?)$/.exec(read('size')) ?? [];
    return { level: Number(read('level')), bytes: Number(count) * (sizeUnits[unit ?? ''] ?? 1) };
  } catch {
    return undefined; // there are no more, or it is another system
  }
}

function linuxCaches(): Caches | undefined {
  const found = [0, 1, 2, 3, 4].flatMap((index) => linuxCache(index) ?? []);
  const bytesOf = (level: number) => found.find((cache) => cache.level === level)?.bytes ?? 0;
  const caches = { l1Bytes: bytesOf(1), l2Bytes: bytesOf(2), l3Bytes: bytesOf(3) };
  return caches.l1Bytes > 0 ? caches : undefined;
}

/** The facts of this machine, as its operating system tells them, else those of a laptop. */
export function localFacts(name: string): DeviceFacts {
  const caches = linuxCaches();
  const { caches: usual, title } = profileOf('laptop');
  const [core] = cpus();
  const clock = (core?.speed ?? 0) / 1000;
  return {
    name,
    title: core?.model.trim() || 'this machine',
    ...(clock > 0 && { clockGHz: { value: clock, source: 'as the operating system says' } }),
    caches: caches ?? usual,
    cachesSource: caches ? 'as the operating system says' : `taken to be those of ${title}`,
  };
}

/** The device that comes along and is most like the one that says this of itself. */
export function likeliest(agent: string): ProfileName {
  if (/iPhone|iPad/.test(agent)) return 'iphone12';
  return /Android/.test(agent) ? 's20' : 'laptop';
}

/** The facts of a device of which a browser tells nothing: those of one that is like it. */
export function factsLike(like: ProfileName, name: string, agent: string): DeviceFacts {
  const { caches, title } = profileOf(like);
  return {
    name,
    title: agent.slice(0, 200) || name,
    caches,
    cachesSource: `browsers do not tell: taken to be those of ${title}`,
  };
}
