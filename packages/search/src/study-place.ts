// Where layers are studied: the dense network, or a narrower one.

import type { Graph } from '@espalier/ir';
import type { Outputs } from './agreement.ts';
import type { Layer } from './layers.ts';
import { once } from './once.ts';
import { createRun, type Feeds } from './runner.ts';
import type { Sensitivity } from './sensitivity.ts';
import { createWalk, type Reading, type Walk } from './walk.ts';
import { isNarrower } from './widths/narrowed.ts';
import { baseOf, type Narrowing } from './widths/narrowing.ts';

/** A network that layers are studied in. */
export interface StudyPlace {
  /** Of the narrowing. */
  readonly key: string | undefined;
  readonly graph: Graph;
  readonly layers: readonly Layer[];
  reference(): readonly Outputs[];
  sensitivityOf(index: number): Sensitivity | undefined;
  readingsOf(index: number): readonly Reading[];
}

/** Opens a network for studies. */
export function openPlace({
  calibration,
  ...own
}: Pick<StudyPlace, 'graph' | 'layers' | 'reference' | 'sensitivityOf'> & {
  readonly key?: string;
  readonly calibration: readonly Feeds[];
}): StudyPlace {
  // Layers are studied in their order, mostly: one walk sees them all.
  let walk: Walk | undefined;
  let reached = -1;
  return {
    key: undefined,
    ...own,
    readingsOf(index) {
      if (!walk || index < reached) walk = createWalk(own.graph, own.layers, calibration);
      reached = index;
      return walk.advance(index);
    },
  };
}

/** The narrower network, in which errors matter as they did where they were. */
export function narrowPlace(
  dense: Graph,
  layers: readonly Layer[],
  calibration: readonly Feeds[],
  narrowing: Narrowing,
  sensitivityOf: StudyPlace['sensitivityOf'],
): StudyPlace {
  const base = baseOf(dense, narrowing);
  return openPlace({
    key: narrowing.key,
    graph: base.graph,
    layers: base.layers,
    calibration,
    reference: once(() => calibration.map(createRun(base.graph))),
    sensitivityOf(index) {
      const before = sensitivityOf(index);
      if (!before || !isNarrower(base.kept[index]!, layers[index]!)) return before;
      const outputs = Float64Array.from(base.kept[index]!.outputs, (o) => before.outputs[o]!);
      return { ...before, outputs };
    },
  });
}
