// Branches and loops whose course is known at import: the graph has neither, so they are written out.

import { type Node, sameType, showType } from '@espalier/ir';
import { type Importers, type Result, resolveAxis, type Site } from '../importer.ts';
import { sliceAxis } from './select.ts';

/** The most rounds of a loop: each becomes nodes of its own. */
const mostRounds = 10_000;

function truth(site: Site, node: Node, what: string): boolean {
  const value = site.known(node);
  if (value?.data.length !== 1)
    throw site.dynamic(`${what} depends on an input; give that input a constant value`);
  return value.data[0] !== 0;
}

/** One branch where the condition is known; otherwise both, of which each run takes one. */
function conditional(site: Site): readonly Result[] {
  const { b } = site;
  const condition = site.input(0);
  if (site.known(condition)) {
    const branch = truth(site, condition, 'the condition') ? 'then_branch' : 'else_branch';
    return site.inline(branch, [], 0);
  }
  const [then, other] = ['then_branch', 'else_branch'].map((branch) => site.inline(branch, [], 0));
  const which = b.reshape(condition, { shape: [] });
  return then!.map((result, i) => {
    const [one, two] = [tensor(site, result), tensor(site, other![i])];
    if (!sameType(one.type, two.type))
      throw site.dynamic(
        `an input decides between ${showType(one.type)} and ${showType(two.type)}; give that input a constant value`,
      );
    return b.scalar('select', which, one, two);
  });
}

const tensor = (site: Site, result: Result | undefined): Node => {
  if (result === undefined || result.kind === 'sequence')
    throw site.bad('the body gives something else than a tensor');
  return result;
};

/** Inputs: trip count, condition, carried values. The body takes round, condition and carried values. */
function loop(site: Site): readonly Result[] {
  const { b } = site;
  const limit = site.ints(0)?.[0] ?? Number.POSITIVE_INFINITY;
  let going = site.optional(1);
  let carried: readonly Result[] = Array.from(
    { length: Math.max(0, site.inputCount - 2) },
    (_, i) => site.any(i + 2),
  );
  const rows: Node[][] = [];
  const listed = Math.max(0, site.outputCount - carried.length);
  for (let round = 0; round < limit; round++) {
    if (going !== undefined && !truth(site, going, 'whether the loop goes on')) break;
    if (round >= mostRounds) throw site.unsupported(`a loop of more than ${mostRounds} rounds`);
    const inputs = [b.value(round, 'i32'), going ?? b.value(1, 'bool'), ...carried];
    const [next, ...results] = site.inline('body', inputs, round);
    going = tensor(site, next);
    rows.push(results.slice(carried.length).map((row) => tensor(site, row)));
    carried = results.slice(0, carried.length);
  }
  const lists = Array.from({ length: listed }, (_, i) => {
    if (rows.length === 0) throw site.unsupported('the list of a loop without rounds');
    return stacked(
      site,
      rows.map((row) => tensor(site, row[i])),
      0,
    );
  });
  return [...carried, ...lists];
}

/** Joins along a new axis. */
function stacked({ b }: Site, rows: readonly Node[], axis: number): Node {
  const wide = rows.map((row) => b.reshape(row, { shape: row.type.shape.toSpliced(axis, 0, 1) }));
  return wide.length === 1 ? wide[0]! : b.concat(wide, { axis });
}

/** The body takes states and one slice of each scanned input, and gives states and slices. */
function scan(site: Site): readonly Result[] {
  const { attributes, b } = site;
  const scans = attributes.int('num_scan_inputs');
  const states = site.inputCount - scans;
  if (scans < 1 || states < 0) throw site.bad(`${scans} of ${site.inputCount} inputs are scanned`);
  const list = (name: string, count: number) =>
    attributes.ints(name) ?? new Array<number>(count).fill(0);
  const outputs = site.outputCount - states;
  const [inAxes, outAxes] = [list('scan_input_axes', scans), list('scan_output_axes', outputs)];
  const [inBack, outBack] = [
    list('scan_input_directions', scans),
    list('scan_output_directions', outputs),
  ];
  const scanned = Array.from({ length: scans }, (_, i) => {
    const x = site.input(states + i);
    return { x, axis: resolveAxis(site, inAxes[i]!, x.type.shape.length), back: inBack[i] !== 0 };
  });
  const lengths = scanned.map(({ x, axis }) => x.type.shape[axis]!);
  const rounds = lengths[0]!;
  if (lengths.some((length) => length !== rounds))
    throw site.bad('scanned inputs differ in length');
  if (rounds > mostRounds || rounds === 0) throw site.unsupported(`a scan of ${rounds} rounds`);
  let state: readonly Result[] = Array.from({ length: states }, (_, i) => site.any(i));
  const rows: Node[][] = [];
  for (let round = 0; round < rounds; round++) {
    const slices = scanned.map(({ x, axis, back }) => {
      const part = sliceAxis(site, x, axis, back ? rounds - 1 - round : round, 1);
      return b.reshape(part, { shape: x.type.shape.toSpliced(axis, 1) });
    });
    const results = site.inline('body', [...state, ...slices], round);
    state = results.slice(0, states);
    rows.push(results.slice(states).map((row) => tensor(site, row)));
  }
  const lists = Array.from({ length: outputs }, (_, i) => {
    const own = rows.map((row) => tensor(site, row[i]));
    const rank = own[0]!.type.shape.length + 1;
    return stacked(
      site,
      outBack[i] === 0 ? own : own.toReversed(),
      resolveAxis(site, outAxes[i]!, rank),
    );
  });
  return [...state, ...lists];
}

/** A sequence's elements through a body, one by one. */
function sequenceMap(site: Site): readonly Result[] {
  const items = site.sequence(0);
  const others = Array.from({ length: site.inputCount - 1 }, (_, i) => site.any(i + 1));
  const rounds = items.map((item, round) => {
    const rest = others.map((other) => (other.kind === 'sequence' ? other.items[round] : other));
    return site.inline('body', [item, ...rest.map((node) => tensor(site, node))], round);
  });
  return Array.from({ length: site.outputCount }, (_, i) => ({
    kind: 'sequence',
    items: rounds.map((results) => tensor(site, results[i])),
  }));
}

const known = 'where conditions and counts are known at import; `?input=` makes an input known';

/** Branches and loops, by ONNX name. */
export const control: Importers = {
  If: {
    note: 'where an input decides, both branches are computed; `?input=` makes an input known',
    import: conditional,
  },
  Loop: { note: known, import: loop },
  Scan: { since: 9, note: 'one round for each slice', import: scan },
  SequenceMap: { import: sequenceMap },
};
