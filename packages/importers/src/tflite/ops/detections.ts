// Boxes that give way to better ones. How many stay is known only when the model runs: there is room for the most.

import { arg, call, literal, type Node, parseScalar } from '@espalier/ir';
import { sliceAxis } from '../../tensorflow/room.ts';
import { columnOf, isUsed, suppressed, used } from '../../tensorflow/suppression.ts';
import { readNumbers } from '../flexbuffer.ts';
import type { Operators, Site } from '../operator.ts';

const mostBoxes = 2 ** 16;

/** The greatest f32 below a number: what a threshold lets through that is itself let through. */
function justBelow(value: number): number {
  const bits = new Int32Array(Float32Array.of(value).buffer);
  if (!Number.isFinite(value)) return value;
  if (Math.fround(value) === 0) bits[0] = -0x7fffffff;
  else bits[0]! += value > 0 ? -1 : 1;
  return new Float32Array(bits.buffer)[0]!;
}

/** Numbers of the options; each gives the fallback where it is left out. */
function optionsOf(site: Site): (name: string, fallback: number) => number {
  try {
    const numbers = readNumbers(site.customOptions);
    return (name, fallback) => numbers.get(name) ?? fallback;
  } catch (error) {
    if (error instanceof RangeError) throw site.bad(`options: ${error.message}`);
    throw error;
  }
}

const centre = parseScalar('a0 * a2 + a1');
const corner = (sign: '+' | '-') => parseScalar(`a0 ${sign} 0.5 * exp(a1) * a2`);

/** Corners `[1, N, 4]` of boxes given as offsets from anchors `[N, 4]`, both as `[y, x, h, w]`. */
function decoded(site: Site, option: (name: string, fallback: number) => number): Node {
  const { b } = site;
  const [offsets, anchors] = [site.input(0), site.input(2)];
  const count = anchors.type.shape[0]!;
  const column = (x: Node, i: number): Node => {
    const axis = x.type.shape.length - 1;
    return b.reshape(sliceAxis(site, x, axis, i, 1), { shape: [1, count, 1] });
  };
  const sides = (['y', 'x'] as const).map((name, i) => {
    const scaled = (own: number, scale: string) =>
      b.scalar('div', column(offsets, own), b.value(option(scale, 1)));
    const extent = column(anchors, 2 + i);
    const middle = b.map([scaled(i, `${name}_scale`), column(anchors, i), extent], {
      expr: centre,
    });
    const size = scaled(2 + i, i === 0 ? 'h_scale' : 'w_scale');
    const side = (sign: '+' | '-') => b.map([middle, size, extent], { expr: corner(sign) });
    return { low: side('-'), high: side('+') };
  });
  const [rows, columns] = [sides[0]!, sides[1]!];
  return b.concat([rows.low, columns.low, rows.high, columns.high], { axis: 2 });
}

/** Boxes, classes and scores of the best detections, and how many there are: the last step of SSD detectors. */
function postProcess(site: Site): Node[] {
  const { b } = site;
  const option = optionsOf(site);
  const [most, classes] = [option('max_detections', 0), option('num_classes', 0)];
  const shapes = [0, 1, 2].map((i) => site.input(i).type.shape);
  const [offsets, predictions, anchors] = [shapes[0]!, shapes[1]!, shapes[2]!];
  const count = anchors[0] ?? 0;
  const all = predictions[2] ?? 0;
  const fits =
    offsets.length === 3 &&
    predictions.length === 3 &&
    anchors.length === 2 &&
    anchors[1]! >= 4 &&
    offsets[0] === 1 &&
    predictions[0] === 1 &&
    offsets[1] === count &&
    predictions[1] === count &&
    offsets[2]! >= 4 &&
    classes >= 1 &&
    classes <= all &&
    all - classes <= 1 &&
    count >= 1;
  if (!fits)
    throw site.bad(
      `${classes} classes of [${predictions}], boxes [${offsets}], anchors [${anchors}]`,
    );
  if (most < 1 || most > mostBoxes) throw site.bad(`${most} detections`);
  const regular = option('use_regular_nms', 0) !== 0;
  if (!regular && option('max_classes_per_detection', 1) !== 1)
    throw site.unsupported('several classes for one box');

  const boxes = decoded(site, option);
  const scores = sliceAxis(site, site.input(1), 2, all - classes, classes);
  const thresholds = {
    iouThreshold: option('nms_iou_threshold', 0.5),
    scoreThreshold: justBelow(option('nms_score_threshold', 0)),
    boxes: 'corners' as const,
  };
  const table = b.reshape(boxes, { shape: [count, 4] });
  const finish = (valid: Node, box: Node, kind: Node, score: Node): Node[] => [
    b.reshape(used(site, valid, b.gather(table, box, { axis: 0 }), most), { shape: [1, most, 4] }),
    b.reshape(used(site, valid, b.scalar('toF32', kind), most), { shape: [1, most] }),
    b.reshape(used(site, valid, score, most), { shape: [1, most] }),
    b.reduce(b.scalar('toF32', valid), { kind: 'sum', axes: [0], keepDims: true }),
  ];
  if (!regular) {
    const best = b.reduce(scores, { kind: 'max', axes: [2], keepDims: false });
    const kinds = b.argReduce(scores, { kind: 'max', axis: 2, keepDims: false, pick: 'first' });
    const own = b.reshape(best, { shape: [1, 1, count] });
    const rows = b.nonMaxSuppression(boxes, own, { most, ...thresholds });
    const box = columnOf(site, rows, 2);
    const of = (list: Node) => b.gather(b.reshape(list, { shape: [count] }), box, { axis: 0 });
    return finish(isUsed(site, rows), box, of(kinds), of(best));
  }
  // Each class for itself, then the best of all.
  const each = Math.max(1, Math.min(option('detections_per_class', 100), mostBoxes));
  const own = b.transpose(scores, { perm: [0, 2, 1] });
  const rows = b.nonMaxSuppression(boxes, own, { most: each, ...thresholds });
  const [kind, box] = [columnOf(site, rows, 1), columnOf(site, rows, 2)];
  const flat = b.scalar('add', b.scalar('mul', kind, b.value(count, 'i32')), box);
  const score = b.gather(b.reshape(own, { shape: [classes * count] }), flat, { axis: 0 });
  const ranked = b.map([isUsed(site, rows), score], {
    expr: call('select', arg(0), arg(1), literal(Number.NEGATIVE_INFINITY)),
  });
  const k = Math.min(most, rows.type.shape[0]!);
  const order = b.topK(ranked, { axis: 0, k, largest: true });
  const of = (list: Node) => b.gather(list, order, { axis: 0 });
  const valid = b.scalar('gt', of(ranked), b.value(Number.NEGATIVE_INFINITY));
  return finish(valid, of(box), of(kind), of(score));
}

/** Indices of the boxes that stay, perhaps their scores, and how many there are. */
const suppression =
  (withScores: boolean) =>
  (site: Site): Node[] => {
    const [boxes, scores] = [site.input(0), site.input(1)];
    const count = scores.type.shape[0] ?? 0;
    const [most, iouThreshold, scoreThreshold] = [2, 3, 4].map((i) => site.numbers(i)[0] ?? 0);
    if (most! < 1 || most! > mostBoxes || count < 1) throw site.bad(`${most} of ${count} boxes`);
    if (withScores && (site.numbers(5)[0] ?? 0) !== 0) throw site.unsupported('scores that decay');
    const found = suppressed(
      site,
      { boxes, scores },
      { most: most!, iouThreshold: iouThreshold!, scoreThreshold: scoreThreshold! },
    );
    return withScores ? [found.indices, found.scores, found.count] : [found.indices, found.count];
  };

/** Suppression, by name. */
export const detections: Operators = {
  NON_MAX_SUPPRESSION_V4: { import: suppression(false) },
  NON_MAX_SUPPRESSION_V5: { import: suppression(true), note: 'without decay' },
};

/** The last step of SSD detectors, by its name. */
export const detectors: Operators = {
  TFLite_Detection_PostProcess: { import: postProcess },
};
