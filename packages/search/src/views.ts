// Ways to look at the same choices. Expected harms are right up to a factor: plans that come of different views are
// carried out, and the held-out inputs say which is the best.

import type { SchemeName } from '@espalier/sparsity';
import type { StudiedChoice } from './study.ts';

/** One way. */
export interface View {
  readonly name: string;
  /**
   * The harm that a choice counts with; `undefined` where it is not looked at.
   *
   * @param depth The layer's place, from 0 for the first to 1 for the last.
   */
  harmOf(choice: StudiedChoice, depth: number): number | undefined;
}

/** Choices as they were studied. */
export const asStudied: View = { name: 'as studied', harmOf: ({ harm }) => harm };

/** Harms of the first layer against what they were studied as: the layers after it make up for much of them. */
const madeUpFor = 0.25;

const early: View = {
  name: 'early layers first',
  harmOf: ({ harm }, depth) => harm * madeUpFor ** (1 - depth),
};

const only = (scheme: SchemeName): View => ({
  name: `only ${scheme}`,
  harmOf: (choice) =>
    choice.scheme === scheme || choice.scheme === 'none' ? choice.harm : undefined,
});

/** All ways to look at some choices, the plain one first. */
export function viewsOf(choices: readonly StudiedChoice[]): readonly View[] {
  const schemes = new Set(choices.map(({ scheme }) => scheme));
  const names = [...schemes].filter((scheme) => scheme !== 'none').sort();
  return [asStudied, early, ...(names.length > 1 ? names.map(only) : [])];
}

/** A choice as a view has it. */
export interface Seen extends StudiedChoice {
  readonly choice: StudiedChoice;
}

/** The choices of each layer as a view has them; all of a layer's where it has none of them. */
export const seenBy = (
  { harmOf }: View,
  layers: readonly (readonly StudiedChoice[])[],
): readonly (readonly Seen[])[] =>
  layers.map((choices, i) => {
    const depth = layers.length > 1 ? i / (layers.length - 1) : 1;
    const seen = choices.flatMap((choice): Seen[] => {
      const harm = harmOf(choice, depth);
      return harm === undefined ? [] : [{ ...choice, harm, choice }];
    });
    return seen.length > 0 ? seen : choices.map((choice) => ({ ...choice, choice }));
  });
