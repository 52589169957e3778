// Linear models and the scalings before them, as converters of classical learners write them.

import { arg, call, literal, type Node } from '@espalier/ir';
import type { Importers, Site } from '../../importer.ts';

/** Rows of features as floats: `[N, C]`; a vector is one row. */
export function rowsOf(site: Site): Node {
  const { b } = site;
  const given = site.input(0);
  const x = given.type.dtype === 'f32' ? given : b.scalar('toF32', given);
  const { shape } = x.type;
  if (shape.length === 1) return b.reshape(x, { shape: [1, shape[0]!] });
  if (shape.length !== 2) throw site.unsupported(`features of rank ${shape.length}`);
  return x;
}

/** Scores `[N, E]` after `post_transform`. */
export function transformed(site: Site, scores: Node): Node {
  const { b } = site;
  const name = site.attributes.string('post_transform', 'NONE');
  if (name === 'NONE') return scores;
  if (name === 'LOGISTIC') return b.scalar('sigmoid', scores);
  if (name === 'SOFTMAX') return b.softmax(scores, { axis: 1 });
  throw site.unsupported(`post_transform ${name}`);
}

/** The label of each row's greatest score. */
export function labelsOf(
  site: Site,
  scores: Node,
  names: readonly [ints: string, strings: string],
) {
  const labels = site.attributes.ints(names[0]);
  if (labels === undefined) throw site.unsupported('labels that are strings');
  if (labels.length !== scores.type.shape[1])
    throw site.unsupported(`${labels.length} labels of ${scores.type.shape[1]} scores`);
  const table = constantOf(site, Int32Array.from(labels), [labels.length]);
  const best = site.b.argReduce(scores, { kind: 'max', axis: 1, keepDims: false, pick: 'first' });
  return site.b.gather(table, best, { axis: 0 });
}

/** A constant of a call. */
export const constantOf = (
  { b }: Site,
  data: Int32Array | Float32Array,
  shape: readonly number[],
): Node => b.constant({ type: { dtype: data instanceof Int32Array ? 'i32' : 'f32', shape }, data });

/** `x · coefficientsᵀ + intercepts`. */
function products(site: Site, outputs: number): Node {
  const x = rowsOf(site);
  const columns = x.type.shape[1]!;
  const coefficients = site.attributes.floats('coefficients') ?? [];
  const intercepts = site.attributes.floats('intercepts') ?? new Array<number>(outputs).fill(0);
  if (coefficients.length !== outputs * columns || intercepts.length !== outputs)
    throw site.bad(`${coefficients.length} coefficients for [${outputs}, ${columns}]`);
  return site.b.linear(
    x,
    constantOf(site, Float32Array.from(coefficients), [outputs, columns]),
    constantOf(site, Float32Array.from(intercepts), [outputs]),
  );
}

/** `(x − offset) · scale`, each one number or one a column. */
function scaler(site: Site): Node {
  const x = rowsOf(site);
  const table = (name: string, fallback: number) => {
    const list = site.attributes.floats(name) ?? [fallback];
    if (list.length !== 1 && list.length !== x.type.shape[1])
      throw site.bad(`${list.length} numbers of ${name} for ${x.type.shape[1]} columns`);
    return constantOf(site, Float32Array.from(list), [list.length]);
  };
  const expr = call('mul', call('sub', arg(0), arg(1)), arg(2));
  return site.b.map([x, table('offset', 0), table('scale', 1)], { expr });
}

/** Rows divided by their norm, where it is not 0. */
function normalizer(site: Site): Node {
  const { b } = site;
  const x = rowsOf(site);
  const norm = site.attributes.string('norm', 'MAX');
  if (norm !== 'L1' && norm !== 'L2') throw site.unsupported(`the norm ${norm}`);
  const terms =
    norm === 'L1' ? b.scalar('abs', x) : b.map([x], { expr: call('mul', arg(0), arg(0)) });
  const sum = b.reduce(terms, { kind: 'sum', axes: [1], keepDims: true });
  const size = norm === 'L1' ? arg(1) : call('sqrt', arg(1));
  const divided = call('div', arg(0), size);
  const expr = call('select', call('eq', arg(1), literal(0)), arg(0), divided);
  return b.map([x, sum], { expr });
}

/** Linear models, by name. */
export const linears: Importers = {
  ArrayFeatureExtractor: {
    import: (site) => {
      const x = site.input(0);
      const places = site.b.reshape(site.input(1), { shape: [site.input(1).type.shape.at(-1)!] });
      return site.b.gather(x, places, { axis: Math.max(0, x.type.shape.length - 1) });
    },
  },
  Binarizer: {
    import: (site) => {
      const above = call('gt', arg(0), literal(site.attributes.float('threshold', 0)));
      return site.b.map([site.input(0)], { expr: call('toF32', above) });
    },
  },
  LinearClassifier: {
    note: 'labels are integers, with a score each',
    import: (site) => {
      const x = rowsOf(site);
      const count = (site.attributes.floats('coefficients') ?? []).length / x.type.shape[1]!;
      if (!(Number.isInteger(count) && count >= 2)) throw site.unsupported(`${count} scores`);
      const scores = products(site, count);
      const label = labelsOf(site, scores, ['classlabels_ints', 'classlabels_strings']);
      return [label, transformed(site, scores)];
    },
  },
  LinearRegressor: {
    import: (site) => transformed(site, products(site, site.attributes.int('targets', 1))),
  },
  Normalizer: { import: normalizer },
  Scaler: { import: scaler },
};
