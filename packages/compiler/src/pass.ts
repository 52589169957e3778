// What a pass is: rules for the one rewriting driver, or one function over the whole graph.

import { type Graph, type Rule, rewrite } from '@espalier/ir';

/** A step of the pipeline. */
export type Pass = {
  readonly name: string;
  readonly summary: string;
  /** What it makes is off by a unit in the last place: `?exact` does without it. */
  readonly inexact?: boolean;
} & ({ readonly rules: readonly Rule[] } | { run(graph: Graph): Graph });

/** Names the record's type. */
export const definePass = (pass: Pass): Pass => pass;

/** The graph after a pass. */
export const applyPass = (pass: Pass, graph: Graph): Graph =>
  'rules' in pass ? rewrite(graph, pass.rules) : pass.run(graph);
