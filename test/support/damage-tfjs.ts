// Seeded damage to TF.js models: text cut and flipped, numbers and keys replaced, weights cut and flipped.

import { damage } from './hostile.ts';
import type { TfjsFile } from './tfjs-models.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A place in a document: a container, and one of its keys. */
interface Place {
  readonly holder: Json[] | { [key: string]: Json };
  readonly key: string;
}

/** Values that stand where others belong. */
const strange: readonly Json[] = [
  null,
  true,
  '',
  'x',
  [],
  {},
  -1,
  0,
  1,
  7,
  1.5,
  65_536,
  2 ** 31,
  2 ** 53,
  -(2 ** 31),
  1e300,
  '-1',
  '4294967296',
  '99999999999999999999',
  '__proto__',
];

function placesIn(value: Json, found: Place[] = []): Place[] {
  if (typeof value !== 'object' || value === null) return found;
  for (const key of Object.keys(value)) {
    found.push({ holder: value, key });
    placesIn((value as { [key: string]: Json })[key]!, found); // a list has its indices as keys
  }
  return found;
}

const pick = <T>(list: readonly T[], random: () => number): T =>
  list[Math.floor(random() * list.length)]!;

/** Ways to change one place. */
const changes = {
  replace({ holder, key }: Place, random: () => number) {
    (holder as { [key: string]: Json })[key] = pick(strange, random);
  },
  remove({ holder, key }: Place) {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
  },
  scale(place: Place, random: () => number) {
    const holder = place.holder as { [key: string]: Json };
    const value = holder[place.key]!;
    const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
    if (typeof number !== 'number') return changes.replace(place, random);
    const scaled = pick([number * 2, number + 1, number - 1, -number, number * 1000], random);
    holder[place.key] = typeof value === 'string' ? `${scaled}` : scaled;
  },
  borrow(place: Place, random: () => number, all: readonly Place[]) {
    const other = pick(all, random);
    const value = (other.holder as { [key: string]: Json })[other.key]!;
    if (JSON.stringify(value).length < 1000)
      (place.holder as { [key: string]: Json })[place.key] = structuredClone(value);
  },
} as const;

/** A damaged copy of a model, and how it was damaged. */
export function damageTfjs(
  whole: TfjsFile,
  random: () => number,
): { readonly kind: string; readonly model: TfjsFile } {
  const roll = random();
  if (roll < 0.15) {
    const { kind, bytes } = damage(whole.bytes(), [], random);
    return { kind: `text ${kind}`, model: { ...whole, bytes: () => bytes } };
  }
  if (roll < 0.3) {
    const seed = random();
    const external: TfjsFile['external'] = (location, offset, length) => {
      const read = whole.external(location, offset, length);
      return damage(new Uint8Array(read), [], () => seed).bytes;
    };
    return { kind: 'weights', model: { ...whole, external } };
  }
  const json = JSON.parse(new TextDecoder().decode(whole.bytes())) as Json;
  const all = placesIn(json);
  const kind = pick(Object.keys(changes) as (keyof typeof changes)[], random);
  const count = 1 + Math.floor(random() * 3);
  for (let i = 0; i < count; i++) changes[kind](pick(all, random), random, all);
  return { kind, model: { ...whole, bytes: () => Buffer.from(JSON.stringify(json)) } };
}
