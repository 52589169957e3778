// TensorLists and TensorArrays: lists of tensors that exist at import only, so that lengths and places are known.

import { elementCount, type Node } from '@espalier/ir';
import { cast } from '../../tensorflow/ops/elementwise.ts';
import { filled, integers, sliceAxis } from '../../tensorflow/room.ts';
import { type GraphOperators, type GraphSite, plain } from './site.ts';
import type { TensorList } from './value.ts';

type Shape = TensorList['shape'];

/** A shape in an operand, of which negative extents are open; a negative number is one of unknown rank. */
function shapeAt(site: GraphSite, i: number): Shape {
  const given = site.tensor(i);
  if (given.type.shape.length === 0) return undefined;
  return site.numbers(i).map((extent) => (extent < 0 ? undefined : extent));
}

const dtypeOf = ({ attributes }: GraphSite, name: string): TensorList['dtype'] =>
  attributes.dtype(name) ?? 'f32';

function single(site: GraphSite, i: number): number {
  const [value] = site.numbers(i);
  if (value === undefined || !Number.isInteger(value)) throw site.bad(`operand ${i} is no number`);
  return value;
}

const fresh = (site: GraphSite, count: number, rest: Omit<TensorList, 'kind' | 'items'>) => {
  if (count < 0) throw site.bad(`a list of ${count}`);
  const items = new Array<undefined>(site.claim(count, 'a list')).fill(undefined);
  return { kind: 'list', items, ...rest } as const;
};

/** Item `i`; zeros where nothing was written, if their shape is known. */
function itemOf(site: GraphSite, list: TensorList, i: number): Node {
  if (!(i >= 0 && i < list.items.length))
    throw site.bad(`item ${i} of a list of ${list.items.length}`);
  const item = list.items[i];
  if (item !== undefined) return item;
  const known = list.shape?.every((extent) => extent !== undefined) ? list.shape : undefined;
  const shape = (known as readonly number[] | undefined) ?? list.items.find(Boolean)?.type.shape;
  if (!shape) throw site.bad(`item ${i} is read before it is written`);
  site.claim(elementCount(shape), 'an item of zeros');
  return filled(site, { dtype: list.dtype, shape }, 0);
}

function written(site: GraphSite, list: TensorList, i: number, item: Node): TensorList {
  if (!(i >= 0)) throw site.bad(`item ${i} of a list`);
  // TF.js lets lists grow.
  const more = i - list.items.length;
  if (more >= 0) site.claim(more + 1, 'a list');
  const grown = more > 0 ? [...list.items, ...new Array<undefined>(more)] : list.items;
  return { ...list, items: grown.toSpliced(i, 1, item) };
}

const rowOf = (site: GraphSite, x: Node, i: number): Node =>
  site.b.reshape(sliceAxis(site, x, 0, i, 1), { shape: x.type.shape.slice(1) });

function rowsOf(site: GraphSite, x: Node): Node[] {
  const [count] = x.type.shape;
  if (count === undefined) throw site.bad('a number has no rows');
  return Array.from({ length: site.claim(count, 'a list') }, (_, i) => rowOf(site, x, i));
}

/** Items along a new first axis. */
function stacked(site: GraphSite, items: readonly Node[], list: TensorList): Node {
  const { b } = site;
  if (items.length === 0) {
    const shape = [0, ...(list.shape ?? []).map((extent) => extent ?? 0)];
    return filled(site, { dtype: list.dtype, shape }, 0);
  }
  const wide = items.map((item) => b.reshape(item, { shape: [1, ...item.type.shape] }));
  return wide.length === 1 ? wide[0]! : b.concat(wide, { axis: 0 });
}

const all = (site: GraphSite, list: TensorList): Node[] =>
  list.items.map((_, i) => itemOf(site, list, i));

/** One item; where running decides which, it is picked out of all. */
function read(site: GraphSite, list: TensorList, place: number): Node {
  const index = site.tensor(place);
  if (site.known(index)) return itemOf(site, list, single(site, place));
  const at = site.b.reshape(cast(site, index, 'i32'), { shape: [] });
  return site.b.gather(stacked(site, all(site, list), list), at, { axis: 0 });
}

const gathered = (site: GraphSite, list: TensorList, place: number): Node =>
  stacked(
    site,
    site.numbers(place).map((i) => itemOf(site, list, i)),
    list,
  );

function scattered(site: GraphSite, list: TensorList, x: Node, places: readonly number[]) {
  const rows = rowsOf(site, x);
  if (rows.length !== places.length) throw site.bad(`${rows.length} rows to ${places.length}`);
  return places.reduce((into, place, i) => written(site, into, place, rows[i]!), list);
}

/** Items one behind the other along their first axis, and how long each is. */
function joined(site: GraphSite, list: TensorList): Node[] {
  const items = all(site, list);
  const lengths = items.map(({ type }) => type.shape[0]);
  if (lengths.includes(undefined)) throw site.bad('joins numbers');
  const [first] = items;
  const whole =
    items.length > 1
      ? site.b.concat(items, { axis: 0 })
      : (first ?? stacked(site, [], { ...list, shape: list.shape?.slice(1) }));
  return [whole, integers(site, lengths as number[])]; // checked just now
}

function parted(site: GraphSite, list: TensorList, x: Node, lengths: readonly number[]) {
  let start = 0;
  const items = lengths.map((length) => {
    start += length;
    return sliceAxis(site, x, 0, start - length, length);
  });
  return { ...list, items };
}

/** A list over the rows of a tensor, or over nothing yet. */
const empty = (x: Node, shape: Shape): TensorList => ({
  kind: 'list',
  items: [],
  dtype: x.type.dtype === 'u8' ? 'i32' : x.type.dtype, // importers make no codes
  shape,
});

const lengthOf = (site: GraphSite, list: TensorList) => site.b.value(list.items.length, 'i32');

function popped(site: GraphSite, list: TensorList): [TensorList, Node] {
  const last = itemOf(site, list, list.items.length - 1);
  return [{ ...list, items: list.items.slice(0, -1) }, last];
}

function resized(site: GraphSite, list: TensorList, size: number): TensorList {
  const { items } = fresh(site, size, list);
  return { ...list, items: items.map((_, i) => list.items[i]) };
}

/** A scatter makes a list that is as long as it has to be. */
const scatter = (site: GraphSite) => [
  scattered(site, empty(site.tensor(0), shapeAt(site, 2)), site.tensor(0), site.numbers(1)),
];

const concat = plain((site) => joined(site, site.list(0)));

/** TensorLists, by name: each operator gives the list that it has changed. */
const tensorLists: GraphOperators = {
  EmptyTensorList: plain((site) => [
    fresh(site, 0, { dtype: dtypeOf(site, 'element_dtype'), shape: shapeAt(site, 0) }),
  ]),
  TensorListConcat: concat,
  TensorListConcatV2: concat,
  TensorListFromTensor: plain((site) => {
    const x = site.tensor(0);
    return [{ ...empty(x, x.type.shape.slice(1)), items: rowsOf(site, x) }];
  }),
  TensorListGather: plain((site) => [gathered(site, site.list(0), 1)]),
  TensorListGetItem: plain((site) => [read(site, site.list(0), 1)]),
  TensorListLength: plain((site) => [lengthOf(site, site.list(0))]),
  TensorListPopBack: plain((site) => popped(site, site.list(0))),
  TensorListPushBack: plain((site) => {
    const list = site.list(0);
    return [written(site, list, list.items.length, site.tensor(1))];
  }),
  TensorListReserve: plain((site) => [
    fresh(site, single(site, 1), {
      dtype: dtypeOf(site, 'element_dtype'),
      shape: shapeAt(site, 0),
    }),
  ]),
  TensorListResize: plain((site) => [resized(site, site.list(0), single(site, 1))]),
  TensorListScatter: plain(scatter),
  TensorListScatterV2: plain(scatter),
  TensorListSetItem: plain((site) => [
    written(site, site.list(0), single(site, 1), site.tensor(2)),
  ]),
  TensorListSplit: plain((site) => {
    const x = site.tensor(0);
    return [parted(site, empty(x, shapeAt(site, 1)), x, site.numbers(2))];
  }),
  TensorListStack: plain((site) => {
    const list = site.list(0);
    return [stacked(site, all(site, list), list)];
  }),
};

/** TensorArrays, by name: what flows from one operator to the next is the array as it is then. */
const tensorArrays: GraphOperators = {
  TensorArrayCloseV3: plain(() => []),
  TensorArrayConcatV3: plain((site) => joined(site, site.list(1))),
  TensorArrayGatherV3: plain((site) => [gathered(site, site.list(2), 1)]),
  TensorArrayReadV3: plain((site) => [read(site, site.list(2), 1)]),
  TensorArrayScatterV3: plain((site) => [
    scattered(site, site.list(3), site.tensor(2), site.numbers(1)),
  ]),
  TensorArraySizeV3: plain((site) => [lengthOf(site, site.list(1))]),
  TensorArraySplitV3: plain((site) => [
    parted(site, site.list(3), site.tensor(1), site.numbers(2)),
  ]),
  TensorArrayV3: plain((site) => {
    const shape = site.attributes.shape('element_shape');
    const list = fresh(site, single(site, 0), { dtype: dtypeOf(site, 'dtype'), shape });
    return [list, list];
  }),
  TensorArrayWriteV3: plain((site) => [
    written(site, site.list(3), single(site, 1), site.tensor(2)),
  ]),
};

/** Lists of tensors, by name. */
export const lists: GraphOperators = { ...tensorLists, ...tensorArrays };
