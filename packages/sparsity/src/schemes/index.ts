// Every pruning scheme.

import type { Scheme } from '../scheme.ts';
import { blockColumns, blockRows } from './block.ts';
import { blockPunched } from './block-punched.ts';
import { channel } from './channel.ts';
import { filter } from './filter.ts';
import { kernelBlock } from './kernel-block.ts';
import { nOfM } from './n-of-m.ts';
import { pattern } from './pattern.ts';
import { unstructured } from './unstructured.ts';

/** The schemes by name. */
export const schemes = {
  blockColumns,
  blockPunched,
  blockRows,
  channel,
  filter,
  kernelBlock,
  nOfM,
  pattern,
  unstructured,
} as const satisfies Readonly<Record<string, Scheme>>;

/** One of `schemes`. */
export type SchemeName = keyof typeof schemes;
