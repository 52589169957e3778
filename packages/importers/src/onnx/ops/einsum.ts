// Einstein's sums: pairs of operands become matrix products over the labels that they share.

import { elementCount, type Node } from '@espalier/ir';
import type { Importers, Site } from '../importer.ts';

/** An operand whose axes have a label each, no label twice. */
interface Labelled {
  readonly x: Node;
  readonly labels: readonly string[];
}

const term = /^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/;

/** Labels of each operand and of the result; those of an ellipsis are digits, the last axis 0. */
function parse(site: Site, ranks: readonly number[]) {
  const equation = site.attributes.string('equation').replaceAll(' ', '');
  const [left, right, ...more] = equation.split('->');
  const terms = left!.split(',');
  if (
    more.length > 0 ||
    terms.length !== ranks.length ||
    ![...terms, right ?? ''].every((text) => term.test(text))
  )
    throw site.bad(`equation ${equation} of ${ranks.length} operands`);
  let widest = 0;
  const operands = terms.map((text, i) => {
    const named = text.replace('...', '').length;
    const rest = ranks[i]! - named;
    if (rest < 0 || (rest > 0 && !text.includes('...')))
      throw site.bad(`${text} names a rank ${ranks[i]} tensor`);
    widest = Math.max(widest, rest);
    return spell(text, rest);
  });
  const counts = new Map<string, number>();
  for (const label of operands.flat()) counts.set(label, (counts.get(label) ?? 0) + 1);
  const once = [...counts].flatMap(([label, count]) =>
    count === 1 && /[A-Za-z]/.test(label) ? [label] : [],
  );
  const result =
    right === undefined ? [...spell('...', widest), ...once.sort()] : spell(right, widest);
  if (result.some((label, i) => !counts.has(label) || result.indexOf(label) !== i))
    throw site.bad(`equation ${equation} gives a label twice, or one that no operand has`);
  return { operands, result };
}

const spell = (text: string, rest: number): string[] => {
  const [before = '', after = ''] = text.split('...');
  const middle = text.includes('...')
    ? Array.from({ length: rest }, (_, i) => `${rest - 1 - i}`)
    : [];
  return [...before, ...middle, ...after];
};

/** Takes the diagonal where a label names two axes. */
function withoutRepeats(site: Site, x: Node, labels: readonly string[]): Labelled {
  const { b } = site;
  const second = labels.findIndex((label, i) => labels.indexOf(label) !== i);
  if (second < 0) return { x, labels };
  const first = labels.indexOf(labels[second]!);
  const { shape } = x.type;
  const extent = shape[first]!;
  if (extent !== shape[second]) throw site.bad(`label ${labels[second]} has two extents`);
  // Of the two axes as one, the diagonal is every (extent + 1)-th element.
  const others = labels.map((_, i) => i).filter((i) => i !== first && i !== second);
  const moved = b.transpose(x, { perm: [...others, first, second] });
  const kept = others.map((i) => shape[i]!);
  const flat = b.reshape(moved, { shape: [...kept, extent * extent] });
  const none = kept.map(() => 0);
  const diagonal = b.slice(flat, {
    starts: [...none, 0],
    sizes: [...kept, extent],
    steps: [...kept.map(() => 1), extent > 1 ? extent + 1 : 1],
  });
  return withoutRepeats(site, diagonal, [...others.map((i) => labels[i]!), labels[first]!]);
}

/** Sums over the labels that nobody else needs. */
function summed({ b }: Site, { x, labels }: Labelled, needed: ReadonlySet<string>): Labelled {
  const axes = labels.flatMap((label, axis) => (needed.has(label) ? [] : [axis]));
  if (axes.length === 0) return { x, labels };
  return {
    x: b.reduce(x, { kind: 'sum', axes, keepDims: false }),
    labels: labels.filter((label) => needed.has(label)),
  };
}

/** In another order of labels; those that it lacks become axes of extent 1. */
function arranged({ b }: Site, { x, labels }: Labelled, order: readonly string[]): Node {
  const own = order.filter((label) => labels.includes(label));
  const moved = b.transpose(x, { perm: own.map((label) => labels.indexOf(label)) });
  let axis = 0;
  const shape = order.map((label) => (labels.includes(label) ? moved.type.shape[axis++]! : 1));
  return b.reshape(moved, { shape });
}

/** The product of two operands, summed over what only they have. */
function multiplied(
  site: Site,
  left: Labelled,
  right: Labelled,
  needed: ReadonlySet<string>,
): Labelled {
  const { b } = site;
  const extent = (label: string) => {
    const sizes = [left, right].map(({ x, labels }) => x.type.shape[labels.indexOf(label)] ?? 1);
    const size = Math.max(...sizes, sizes.includes(0) ? 0 : 1);
    if (sizes.some((own) => own !== 1 && own !== size))
      throw site.bad(`label ${label} has the extents ${sizes.join(' and ')}`);
    return size;
  };
  const shared = left.labels.filter((label) => right.labels.includes(label));
  const full = (label: string) =>
    [left, right].every(({ x, labels }) => x.type.shape[labels.indexOf(label)] === extent(label));
  const depth = shared.filter((label) => !needed.has(label) && full(label));
  const batch = shared.filter((label) => !depth.includes(label));
  const rows = left.labels.filter((label) => !shared.includes(label));
  const columns = right.labels.filter((label) => !shared.includes(label));
  const size = (labels: readonly string[]) => elementCount(labels.map(extent));
  const matrix = (side: Labelled, inner: readonly string[]): Node => {
    const x = arranged(site, side, [...batch, ...inner]);
    const lead = x.type.shape.slice(0, batch.length);
    const sides = inner === ordered.left ? [size(rows), size(depth)] : [size(depth), size(columns)];
    return b.reshape(x, { shape: [...lead, ...sides] });
  };
  const ordered = { left: [...rows, ...depth], right: [...depth, ...columns] };
  const product = b.matmul(matrix(left, ordered.left), matrix(right, ordered.right));
  const labels = [...batch, ...rows, ...columns];
  const x = b.reshape(product, { shape: labels.map(extent) });
  return summed(site, { x, labels }, needed);
}

function einsum(site: Site): Node {
  const { b } = site;
  const given = site.inputs();
  const { operands, result } = parse(
    site,
    given.map(({ type }) => type.shape.length),
  );
  const dtype = given[0]!.type.dtype;
  const queue = given.map((x, i) =>
    withoutRepeats(site, dtype === 'f32' ? x : b.scalar('toF32', x), operands[i]!),
  );
  let left = queue[0]!;
  for (let i = 0; i < queue.length; i++) {
    const needed = new Set([...result, ...queue.slice(i + 1).flatMap(({ labels }) => labels)]);
    if (i === 0) left = summed(site, left, needed);
    else {
      const both = new Set([...needed, ...left.labels]);
      left = multiplied(site, left, summed(site, queue[i]!, both), needed);
    }
  }
  const y = arranged(site, left, result);
  return dtype === 'f32' ? y : b.scalar('toI32', y);
}

/** Einstein's sums, by ONNX name. */
export const einsums: Importers = { Einsum: { import: einsum } };
