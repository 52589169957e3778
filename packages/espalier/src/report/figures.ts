// What a report shows of a plan: figures before and after, and a row a layer.

import { type Graph, macsOf, macs as macsOfAll, type OpNode } from '@espalier/ir';
import { narrowed, type PlannedLayer, prunableLayers, widthsOf } from '@espalier/search';
import type { LockEntry } from '../fit/lock.ts';

/** One figure of the network, before and after. */
export interface BeforeAfter {
  readonly name: string;
  readonly before: string;
  readonly after: string;
  /** Such as `−32%`; empty where a change means nothing. */
  readonly change: string;
}

/** A layer of a report. */
export interface LayerRow extends PlannedLayer {
  /** Short enough for a chart; different for each. */
  readonly label: string;
  /** Multiply-accumulates, before and after. */
  readonly macs: number;
  readonly keptMacs: number;
}

/** One plan of a report. */
export interface PlanFigures {
  readonly query: string;
  readonly entry: LockEntry;
  readonly table: readonly BeforeAfter[];
  readonly layers: readonly LayerRow[];
}

const change = (before: number, after: number): string => {
  const percent = Math.round(100 * (after / before - 1));
  return percent === 0 ? '±0%' : `${percent > 0 ? '+' : '−'}${Math.abs(percent)}%`;
};

/** Labels fit a chart on a phone. */
const labelLength = 20;

const shorten = (name: string): string =>
  name.length > labelLength ? `…${name.slice(1 - labelLength)}` : name;

/** The figures of one plan, for the dense network that it is of. */
export function figuresOf(query: string, entry: LockEntry, dense: Graph): PlanFigures {
  const { plan } = entry;
  const narrow = narrowed(dense, widthsOf(plan.widths ?? []));
  const macsBy = (layers: readonly { readonly name: string; readonly node: OpNode }[]) =>
    new Map(layers.map(({ name, node }) => [name, macsOf(node)]));
  const [wide, left] = [macsBy(prunableLayers(dense)), macsBy(narrow.layers)];
  const leftOf = ({ layer }: PlannedLayer): number => left.get(layer) ?? 0;
  const layers = plan.layers.map((layer): LayerRow => {
    const macs = wide.get(layer.layer) ?? 0;
    const keptMacs = leftOf(layer) * (1 - layer.sparsity);
    const [, place = '', name = ''] = /^(\d+):(.*)$/.exec(layer.layer) ?? [];
    const label = `${Number(place) + 1} ${shorten(name)}`;
    return { ...layer, label, macs, keptMacs };
  });
  const before = macsOfAll(dense);
  const after = layers.reduce(
    (sum, layer) => sum - leftOf(layer) + layer.keptMacs,
    macsOfAll(narrow.graph),
  );
  const row = (name: string, a: number, b: number, show: (value: number) => string) => ({
    name,
    before: show(a),
    after: show(b),
    change: change(a, b),
  });
  const kB = (bytes: number) => `${Math.ceil(bytes / 1000).toLocaleString('en')} kB`;
  const { dense: from, shipped: to } = plan;
  return {
    query,
    entry,
    layers,
    table: [
      row('latency, predicted', from.ms, to.ms, (ms) => `${ms.toPrecision(3)} ms`),
      ...(plan.measured
        ? [
            row(
              `latency, measured in ${plan.measured.engine}`,
              plan.measured.denseMs,
              plan.measured.ms,
              (ms) => `${ms.toPrecision(3)} ms`,
            ),
          ]
        : []),
      row('loaded', from.bytes, to.bytes, kB),
      row('in memory', from.memoryBytes, to.memoryBytes, kB),
      row('multiply-adds', before, after, (n) => `${(n / 1e6).toPrecision(3)} M`),
      {
        name: 'layers computed in',
        before: 'f32',
        after: plan.precision ?? 'f32',
        change: '',
      },
      { ...row(plan.metric, from.score, to.score, (score) => score.toFixed(4)), change: '' },
    ],
  };
}
