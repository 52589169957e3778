// Sequences: lists of tensors that exist at import only.

import type { Node } from '@espalier/ir';
import { type Importers, type Result, resolveAxis, type Sequence, type Site } from '../importer.ts';
import { sliceAxis } from './select.ts';

const sequence = (items: readonly Node[]): Sequence => ({ kind: 'sequence', items });

/** A position of a sequence of `count`, from the end where negative. */
function position(site: Site, i: number, count: number, fallback: number): number {
  const given = site.ints(i)?.[0] ?? fallback;
  const at = given < 0 ? given + count : given;
  if (at < 0 || at >= count) throw site.bad(`position ${given} of ${count}`);
  return at;
}

function insert(site: Site): Result {
  const items = site.sequence(0);
  const at = position(site, 2, items.length + 1, items.length);
  return sequence(items.toSpliced(at, 0, site.input(1)));
}

/** Parts of one length, of given lengths, or single slices whose axis may vanish. */
function splitToSequence(site: Site): Result {
  const { b } = site;
  const x = site.input(0);
  const axis = resolveAxis(site, site.attributes.int('axis', 0), x.type.shape.length);
  const extent = x.type.shape[axis]!;
  const given = site.constant(1);
  const [size] = given?.data ?? [1];
  if (given !== undefined && given.type.shape.length === 0 && !(size! >= 1))
    throw site.bad(`parts of ${size}`);
  const sizes =
    given === undefined || given.type.shape.length === 0
      ? Array.from({ length: site.claim(Math.ceil(extent / size!), 'a sequence') }, (_, i) =>
          Math.min(size!, extent - i * size!),
        )
      : Array.from(given.data);
  if (sizes.reduce((sum, part) => sum + part, 0) !== extent || sizes.some((part) => part < 0))
    throw site.bad(`parts [${sizes.join(', ')}] do not add up to ${extent}`);
  const drops = given === undefined && site.attributes.int('keepdims', 1) === 0;
  let start = 0;
  return sequence(
    sizes.map((part) => {
      const slice = sliceAxis(site, x, axis, start, part);
      start += part;
      return drops ? b.reshape(slice, { shape: x.type.shape.toSpliced(axis, 1) }) : slice;
    }),
  );
}

function concatFromSequence(site: Site): Result {
  const { b } = site;
  const items = site.sequence(0);
  const [first] = items;
  if (first === undefined) throw site.bad('joins nothing');
  const fresh = site.attributes.int('new_axis', 0) !== 0;
  const rank = first.type.shape.length + (fresh ? 1 : 0);
  const axis = resolveAxis(site, site.attributes.int('axis'), rank);
  const parts = fresh
    ? items.map((item) => b.reshape(item, { shape: item.type.shape.toSpliced(axis, 0, 1) }))
    : items;
  return parts.length === 1 ? parts[0]! : b.concat(parts, { axis });
}

const note = 'lengths and positions are known at import';

/** Operators on sequences, by ONNX name. */
export const sequences: Importers = {
  ConcatFromSequence: { note, import: concatFromSequence },
  SequenceAt: {
    note,
    import: (site) => {
      const items = site.sequence(0);
      return items[position(site, 1, items.length, 0)]!;
    },
  },
  SequenceConstruct: { note, import: (site) => sequence(site.inputs()) },
  SequenceEmpty: { note, import: () => sequence([]) },
  SequenceErase: {
    note,
    import: (site) => {
      const items = site.sequence(0);
      return sequence(items.toSpliced(position(site, 1, items.length, items.length - 1), 1));
    },
  },
  SequenceInsert: { note, import: insert },
  SequenceLength: { note, import: (site) => site.b.value(site.sequence(0).length, 'i32') },
  SplitToSequence: { note, import: splitToSequence },
};
