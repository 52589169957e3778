// What threads of a search say to each other.

import type { Tensor } from '@espalier/ir';
import type {
  Attempted,
  Narrowing,
  NetworkPrecision,
  Picked,
  Problem,
  Study,
  Widths,
} from '@espalier/search';

/** What a thread is started with. */
export interface ThreadSetup {
  /** The dense network, as text and the constants that text leaves out. */
  readonly text: string;
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly problem: Omit<Problem, 'metric'>;
  /** Path of the task whose metric judges. */
  readonly task: string | undefined;
}

/** One evaluation, of a network in a precision. */
export type Request = { readonly precision: NetworkPrecision } & Asked;

type Asked =
  | { readonly kind: 'score' }
  | { readonly kind: 'study'; readonly layer: number; readonly narrowing: Narrowing | undefined }
  | {
      readonly kind: 'attempt';
      readonly key: string;
      readonly chosen: readonly Picked[];
      readonly widths: Widths;
    };

/** What an evaluation results in, by its kind. */
export interface Results {
  readonly score: number;
  readonly study: Study;
  readonly attempt: Attempted;
}

/** What went wrong, as far as it can be sent. */
export interface Trouble {
  readonly message: string;
  readonly code?: string;
  readonly hint?: string;
}

/** An evaluation's end. */
export type Answer = { readonly value: Results[keyof Results] } | { readonly trouble: Trouble };
