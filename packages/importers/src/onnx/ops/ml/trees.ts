// Ensembles of decision trees: all trees of all rows take one step down at a time.

import type { Node, ScalarName } from '@espalier/ir';
import type { Importers, Site } from '../../importer.ts';
import { constantOf, labelsOf, rowsOf, transformed } from './linear.ts';

const comparisons: Readonly<Record<string, ScalarName>> = {
  BRANCH_LEQ: 'le',
  BRANCH_LT: 'lt',
  BRANCH_GTE: 'ge',
  BRANCH_GT: 'gt',
  BRANCH_EQ: 'eq',
  BRANCH_NEQ: 'ne',
};

/** The nodes of all trees in one list; a leaf leads to itself. */
interface Forest {
  readonly ids: ReadonlyMap<string, number>;
  readonly roots: readonly number[];
  readonly features: Int32Array;
  readonly values: Float32Array;
  readonly whenTrue: Int32Array;
  readonly whenFalse: Int32Array;
  readonly comparison: ScalarName;
  /** Steps from a root to the deepest leaf. */
  readonly depth: number;
}

function forestOf(site: Site): Forest {
  const { attributes } = site;
  const modes = attributes.strings('nodes_modes') ?? [];
  const count = modes.length;
  const list = (name: string, numbers: readonly number[] | undefined): readonly number[] => {
    if (numbers?.length !== count) throw site.bad(`${numbers?.length} of ${name} for ${count}`);
    return numbers;
  };
  const ints = (name: string) => list(name, attributes.ints(name));
  const [trees, nodes] = [ints('nodes_treeids'), ints('nodes_nodeids')];
  const ids = new Map(trees.map((tree, i) => [`${tree}:${nodes[i]}`, i]));
  if (ids.size !== count) throw site.bad('two nodes of a tree have one number');
  if (attributes.ints('nodes_missing_value_tracks_true')?.some((flag) => flag !== 0))
    throw site.unsupported('branches that missing values take');
  const kinds = new Set(modes.filter((mode) => mode !== 'LEAF'));
  const [mode = 'BRANCH_LEQ', ...others] = kinds;
  const comparison = Object.hasOwn(comparisons, mode) ? comparisons[mode] : undefined;
  if (others.length > 0 || comparison === undefined)
    throw site.unsupported(`branches of the kinds ${[...kinds].join(', ')}`);
  const [yes, no] = [ints('nodes_truenodeids'), ints('nodes_falsenodeids')];
  const target = (i: number, to: readonly number[]): number => {
    const found = modes[i] === 'LEAF' ? i : ids.get(`${trees[i]}:${to[i]}`);
    if (found === undefined) throw site.bad(`node ${nodes[i]} leads to none`);
    return found;
  };
  const whenTrue = Int32Array.from({ length: count }, (_, i) => target(i, yes));
  const whenFalse = Int32Array.from({ length: count }, (_, i) => target(i, no));
  const led = new Set(
    modes.flatMap((kind, i) => (kind === 'LEAF' ? [] : [whenTrue[i]!, whenFalse[i]!])),
  );
  const roots = modes.flatMap((_, i) => (led.has(i) ? [] : [i]));
  let depth = 0;
  let level = roots.filter((i) => modes[i] !== 'LEAF');
  for (let seen = 0; level.length > 0; depth++) {
    seen += level.length;
    if (seen > count) throw site.bad('a tree has a loop');
    level = level.flatMap((i) => [whenTrue[i]!, whenFalse[i]!]).filter((i) => modes[i] !== 'LEAF');
  }
  if (roots.length !== new Set(trees).size) throw site.bad('a tree has not one root');
  const features = Int32Array.from(ints('nodes_featureids'));
  const values = Float32Array.from(list('nodes_values', attributes.floats('nodes_values')));
  return { ids, roots, features, values, whenTrue, whenFalse, comparison, depth };
}

/** Sums over trees of what the leaves say: `[N, outputs]`, from the attributes that begin with `prefix`. */
function ensemble(site: Site, prefix: 'target' | 'class', outputs: number): Node {
  const { b, attributes } = site;
  const x = rowsOf(site);
  const [rows, columns] = x.type.shape as readonly [number, number];
  const forest = forestOf(site);
  if (forest.features.some((feature) => feature < 0 || feature >= columns))
    throw site.bad(`features beyond the ${columns} columns`);
  const table = (data: Int32Array | Float32Array) => constantOf(site, data, [data.length]);
  const pick = (data: Int32Array | Float32Array, at: Node) =>
    b.gather(table(data), at, { axis: 0 });
  const trees = forest.roots.length;
  const start = constantOf(site, Int32Array.from(forest.roots), [1, trees]);
  let at: Node = b.expand(start, { shape: [rows, trees] });
  for (let step = 0; step < forest.depth; step++) {
    const seen = b.gatherElements(x, pick(forest.features, at), { axis: 1 });
    const taken = b.scalar(forest.comparison, seen, pick(forest.values, at));
    at = b.scalar('select', taken, pick(forest.whenTrue, at), pick(forest.whenFalse, at));
  }
  const [ofTree, ofNode, ofOutput] = ['treeids', 'nodeids', 'ids'].map(
    (name) => attributes.ints(`${prefix}_${name}`) ?? [],
  ) as [number[], number[], number[]];
  const weights = attributes.floats(`${prefix}_weights`) ?? [];
  const count = site.claim(forest.features.length * outputs, 'the weights of leaves');
  const leaves = new Float32Array(count);
  weights.forEach((weight, i) => {
    const node = forest.ids.get(`${ofTree[i]}:${ofNode[i]}`);
    const output = ofOutput[i] ?? -1;
    if (node === undefined || output < 0 || output >= outputs)
      throw site.bad(`weight ${i} belongs to no leaf or output`);
    leaves[node * outputs + output]! += weight;
  });
  const said = constantOf(site, leaves, [forest.features.length, outputs]);
  const sum = b.reduce(b.gather(said, at, { axis: 0 }), {
    kind: 'sum',
    axes: [1],
    keepDims: false,
  });
  const how = attributes.string('aggregate_function', 'SUM');
  if (how !== 'SUM' && how !== 'AVERAGE') throw site.unsupported(`aggregate_function ${how}`);
  const scores = how === 'SUM' ? sum : b.scalar('mul', sum, b.value(1 / trees));
  const base = attributes.floats('base_values');
  if (base === undefined) return scores;
  if (base.length !== outputs) throw site.bad(`${base.length} base values of ${outputs} outputs`);
  return b.scalar('add', scores, constantOf(site, Float32Array.from(base), [outputs]));
}

/** Ensembles of trees, by name. */
export const trees: Importers = {
  TreeEnsembleClassifier: {
    note: 'labels are integers, with a score each',
    import: (site) => {
      const count = site.attributes.ints('classlabels_int64s')?.length ?? 0;
      // Two classes with the scores of one have rules of their own.
      const scored = new Set(site.attributes.ints('class_ids'));
      if (count < 2 || scored.size < 2)
        throw site.unsupported('fewer than two classes with scores');
      const scores = ensemble(site, 'class', count);
      const label = labelsOf(site, scores, ['classlabels_int64s', 'classlabels_strings']);
      return [label, transformed(site, scores)];
    },
  },
  TreeEnsembleRegressor: {
    import: (site) =>
      transformed(site, ensemble(site, 'target', site.attributes.int('n_targets', 1))),
  },
};
