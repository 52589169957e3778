// Operators whose values decide how many results there are: these values have to be known at import.

import { allocate, type Node, rowMajorStrides, type Tensor } from '@espalier/ir';
import { integers, sliceAxis } from '../room.ts';
import { suppressed } from '../suppression.ts';
import type { Operator, Operators, Site } from './operator.ts';

const mostBoxes = 2 ** 16;

function knownAt(site: Site, i: number): Tensor {
  const value = site.known(site.input(i));
  if (value === undefined) throw site.dynamic('how many results there are depends on an input');
  return value;
}

/** Which versions of a suppression take a threshold of scores, a decay, and give what. */
interface Suppression {
  readonly threshold: boolean;
  readonly scores: boolean;
  readonly count: boolean;
}

/** The boxes that stay: in room for the most, zeros behind, if the model asks for that. */
const suppression =
  ({ threshold, scores: withScores, count: withCount }: Suppression): Operator =>
  (site) => {
    const [boxes, scores] = [site.input(0), site.input(1)];
    const number = (i: number) => site.numbers(i)[0] ?? 0;
    const padded = withCount && site.attributes.flag('pad_to_max_output_size', false);
    const [all = 0] = scores.type.shape;
    if (boxes.type.shape[0] !== all || boxes.type.shape[1] !== 4 || scores.type.shape.length !== 1)
      throw site.bad(`boxes [${boxes.type.shape}], scores [${scores.type.shape}]`);
    if (withScores && number(5) !== 0) throw site.unsupported('scores that decay');
    const most = Math.min(number(2), all); // TF.js pads no further
    if (most < 0 || most > mostBoxes) throw site.bad(`${most} of ${all} boxes`);
    const found = suppressed(
      site,
      { boxes, scores },
      {
        most,
        iouThreshold: number(3),
        scoreThreshold: threshold ? number(4) : Number.NEGATIVE_INFINITY,
      },
    );
    const known = padded ? most : site.known(found.count)?.data[0];
    if (known === undefined) throw site.dynamic('how many boxes stay depends on an input');
    const cut = (rows: Node) => sliceAxis(site, rows, 0, 0, known);
    return [
      cut(found.indices),
      ...(withScores ? [cut(found.scores)] : []),
      ...(withCount ? [found.count] : []),
    ];
  };

/** Coordinates of what is not zero, `[count, rank]`. */
function where(site: Site): Node {
  const { type, data } = knownAt(site, 0);
  const places = Array.from(data.keys()).filter((i) => data[i] !== 0);
  const strides = rowMajorStrides(type.shape);
  const rows = places.flatMap((place) =>
    type.shape.map((extent, axis) => Math.floor(place / strides[axis]!) % extent),
  );
  const shape = [places.length, type.shape.length];
  return site.b.constant({ type: { dtype: 'i32', shape }, data: Int32Array.from(rows) });
}

/** Elements of a list, at places of it. */
function picked(site: Site, { type, data }: Tensor, places: readonly number[]): Node {
  const own = { ...type, shape: [places.length] };
  const elements = allocate(own);
  elements.set(places.map((i) => data[i]!));
  return site.b.constant({ type: own, data: elements });
}

/** What is in one list and not in another, and where it stood. */
function difference(site: Site): Node[] {
  const x = knownAt(site, 0);
  const others = new Set<number>(knownAt(site, 1).data);
  const places = Array.from(x.data.keys()).filter((i) => !others.has(x.data[i]!));
  return [picked(site, x, places), integers(site, places)];
}

/** Distinct elements in the order of their first appearance, and which of them each element is. */
function unique(site: Site): Node[] {
  const x = knownAt(site, 0);
  if (x.type.shape.length !== 1) throw site.unsupported('distinct slices along an axis');
  const ranks = new Map<number, number>();
  const firsts: number[] = [];
  x.data.forEach((value, i) => {
    if (ranks.has(value)) return;
    ranks.set(value, firsts.length);
    firsts.push(i);
  });
  const which = Array.from(x.data, (value) => ranks.get(value)!); // all have just been ranked
  return [picked(site, x, firsts), integers(site, which)];
}

/** Operators with as many results as values say, by name. */
export const dynamic: Operators = {
  ListDiff: difference,
  NonMaxSuppressionV2: suppression({ threshold: false, scores: false, count: false }),
  NonMaxSuppressionV3: suppression({ threshold: true, scores: false, count: false }),
  NonMaxSuppressionV4: suppression({ threshold: true, scores: false, count: true }),
  NonMaxSuppressionV5: suppression({ threshold: true, scores: true, count: true }),
  Unique: unique,
  UniqueV2: unique,
  Where: where,
};
