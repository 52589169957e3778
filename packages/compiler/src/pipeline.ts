// The passes, in order. Order lives only here, each line with its reason.

import type { Graph } from '@espalier/ir';
import { applyPass, type Pass } from './pass.ts';
import { foldAffine } from './passes/fold-affine.ts';
import { foldConstants } from './passes/fold-constants.ts';
import { foldPads } from './passes/fold-pads.ts';
import { fuseEpilogues } from './passes/fuse-epilogues.ts';
import { fuseMaps } from './passes/fuse-maps.ts';
import { inlineLiterals } from './passes/inline-literals.ts';
import { lowerCompositions } from './passes/lower-compositions.ts';
import { makeLinear } from './passes/make-linear.ts';
import { multiplyByInverses } from './passes/multiply-by-inverses.ts';
import { simplifyMovers } from './passes/simplify-movers.ts';
import { sinkTransposes } from './passes/sink-transposes.ts';

/** Every pass, in the order in which they run. */
export const pipeline: readonly Pass[] = [
  lowerCompositions, // the others look for primitives
  foldConstants, // factors of batch norms become constants, shapes vanish
  sinkTransposes, // before movers are merged, which makes those that meet vanish
  simplifyMovers, // movers between a layer and its affine map would hide one from the other
  foldPads, // once transposes no longer hide a padding from its convolution
  makeLinear, // before folding, so that products take scales and shifts too
  foldAffine, // before fusing, which would make epilogues of them
  inlineLiterals, // an operand less is a pointer less in every loop
  multiplyByInverses, // once divisors are literals; who reads a value is plainest before fusing
  fuseMaps, // whole chains, so that one epilogue takes them
  fuseEpilogues, // last: patterns do not look inside epilogues
];

/** The graph after every pass, or after those that keep every bit. */
export const optimise = (graph: Graph, { exact = false } = {}): Graph =>
  pipeline
    .filter((pass) => !(exact && pass.inexact))
    .reduce((current, pass) => applyPass(pass, current), graph);
