// The charts of a report, as static SVG that takes its colours from the page: light, dark, and on paper.

import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { PlanFigures } from './figures.ts';

/** As wide as a phone: there letters keep their size, elsewhere charts stand side by side. */
const width = 360;

const { document } = parseHTML('<html><body></body></html>');

function draw(options: Plot.PlotOptions): string {
  // linkedom's document is enough of one for Plot, and not of the type that browsers have.
  const own = { document: document as unknown as Document, width, ...options };
  return Plot.plot(own).outerHTML;
}

/** Plans that were tried: how fast against how good. */
export function front({ entry: { plan } }: PlanFigures): string {
  const { dense, shipped, trials, accepted } = plan;
  const points = [
    { ...dense, kind: 'dense' },
    ...trials.map((trial) => ({
      ...trial,
      kind:
        accepted && trial.ms === shipped.ms && trial.score === shipped.score ? 'ships' : 'tried',
    })),
  ];
  return draw({
    height: 260,
    marginLeft: 50,
    marginTop: 30,
    marginRight: 50,
    x: { label: 'predicted ms →', nice: true },
    y: { label: `↑ ${plan.metric}`, grid: true, nice: true },
    marks: [
      Plot.ruleY([dense.score - plan.drop], { stroke: 'var(--bad)', strokeDasharray: '4 3' }),
      Plot.line(
        [...points].sort((a, b) => a.ms - b.ms),
        { x: 'ms', y: 'score', stroke: 'var(--soft)' },
      ),
      Plot.dot(points, {
        x: 'ms',
        y: 'score',
        r: 5,
        fill: ({ kind }: { kind: string }) => `var(--${kind})`,
        fillOpacity: 1,
      }),
      Plot.text(
        points.filter(({ kind }) => kind !== 'tried'),
        { x: 'ms', y: 'score', text: 'kind', dy: -12, fontSize: 12 },
      ),
    ],
  });
}

const rows = ({ layers }: PlanFigures) => ({
  height: 50 + 18 * layers.length,
  marginLeft: 150,
  y: { domain: layers.map(({ label }) => label), label: null, tickSize: 0 },
});

/** What each layer takes, before and after. */
export const timeBars = (figures: PlanFigures): string =>
  draw({
    ...rows(figures),
    x: { label: 'µs →', grid: true, ticks: 4 },
    marks: [
      Plot.barX(figures.layers, {
        x: ({ denseMs }: { denseMs: number }) => 1000 * denseMs,
        y: 'label',
        fill: 'var(--soft)',
      }),
      Plot.barX(figures.layers, {
        x: ({ ms }: { ms: number }) => 1000 * ms,
        y: 'label',
        fill: 'var(--ships)',
        insetTop: 3,
        insetBottom: 3,
      }),
    ],
  });

/** How far each layer's outputs are off after its weights were refitted. */
export const harmBars = (figures: PlanFigures): string =>
  draw({
    ...rows(figures),
    x: { label: 'relative error of outputs, % →', grid: true, ticks: 4, percent: true },
    marks: [
      Plot.barX(figures.layers, {
        x: ({ error }: { error: number }) => Math.sqrt(error),
        y: 'label',
        fill: 'var(--bad)',
      }),
    ],
  });

/** Which scheme each layer has, and how much of it goes. */
export function schemeMap(figures: PlanFigures): string {
  const pruned = figures.layers.filter(({ scheme }) => scheme !== 'none');
  const schemes = [...new Set(pruned.map(({ scheme }) => scheme))].sort();
  const place = (scheme: string) => schemes.indexOf(scheme as never) % 4;
  return draw({
    ...rows(figures),
    marginTop: 30,
    x: { domain: schemes, label: null, axis: 'top', tickSize: 0 },
    marks: [
      Plot.cell(pruned, {
        x: 'scheme',
        y: 'label',
        fill: ({ scheme }: { scheme: string }) => `var(--scheme${place(scheme)})`,
        fillOpacity: 1,
        rx: 2,
      }),
      Plot.text(pruned, {
        x: 'scheme',
        y: 'label',
        text: ({ sparsity, params }: { sparsity: number; params: object }) =>
          [`${Math.round(100 * sparsity)}%`, ...Object.values(params).map((n) => `/${n}`)].join(
            ' ',
          ),
        fill: 'var(--on)',
      }),
    ],
  });
}
