// The report as one HTML page without scripts: readable on a phone, light and dark, and on paper.

import type { PlannedWidth } from '@espalier/search';
import { describeFit } from '../summarise.ts';
import { front, harmBars, schemeMap, timeBars } from './charts.ts';
import type { PlanFigures } from './figures.ts';

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text that may stand anywhere in HTML. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (letter) => escapes[letter]!);

const style = `
:root { color-scheme: light dark; --ground: #fff; --ink: #1c1e21; --soft: #c9ced6; --dense: #5b6470;
  --tried: #8fa3bf; --ships: #1f77b4; --bad: #c2410c; --on: #fff;
  --scheme0: #1f77b4; --scheme1: #b45309; --scheme2: #15803d; --scheme3: #7e22ce; }
@media (prefers-color-scheme: dark) { :root { --ground: #15171a; --ink: #e6e8ea; --soft: #3b4350; --dense: #a7b0bd;
  --tried: #66799a; --ships: #58a6e8; --bad: #f08a5d; --on: #0d0f11;
  --scheme0: #58a6e8; --scheme1: #e6a158; --scheme2: #5cc489; --scheme3: #c89bf0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; font: 16px/1.5 system-ui, sans-serif;
  background: var(--ground); color: var(--ink); overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; margin-bottom: .3rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 360px), 1fr)); gap: 1rem; }
figure { margin: 0; min-width: 0; break-inside: avoid; } figcaption { font-size: .9rem; }
svg { max-width: 100%; height: auto; overflow: visible; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: right; padding: .25rem .4rem; border-bottom: 1px solid var(--soft); font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; } td:last-child { white-space: nowrap; }
code { font-size: .9em; } dt { font-weight: 600; } dd { margin: 0 0 .5rem; }
@media print { body { max-width: none; font-size: 11px; } }
`;

const figure = (caption: string, svg: string): string =>
  `<figure><figcaption>${escapeHtml(caption)}</figcaption>${svg}</figure>`;

const kinds = {
  pictures: 'pictures of the project',
  arrays: 'arrays of the project',
  module: 'inputs of a module of the project',
  task: 'examples of the task beside the model',
  synthetic: 'synthetic: made-up inputs, since no others were given',
} as const;

/** Channels before and after, of the groups that lost some. */
function widthsTable(widths: readonly PlannedWidth[]): string {
  if (widths.length === 0) return '';
  const rows = widths.map(({ group, units, dropped }) => {
    const name = group.replace(/^\d+:/, '');
    return `<tr><td>${escapeHtml(name)}</td><td>${units}</td><td>${units - dropped.length}</td></tr>`;
  });
  return `<table><thead><tr><th>channels from</th><th>before</th><th>after</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table>
`;
}

function section(model: string, figures: PlanFigures): string {
  const { query, entry, table, layers } = figures;
  const { plan, identity } = entry;
  const rows = table.map(
    ({ name, before, after, change }) =>
      `<tr><td>${escapeHtml(name)}</td><td>${before}</td><td>${after}</td><td>${change}</td></tr>`,
  );
  const charts = [
    figure(
      `Plans that were tried; the dashed line is what drop=${plan.drop} allows`,
      front(figures),
    ),
    ...(layers.length > 0
      ? [
          figure('Time of each layer, dense and as it ships', timeBars(figures)),
          figure('Harm to each layer, after its weights were refitted', harmBars(figures)),
          figure('Scheme, sparsity and block sizes of each layer', schemeMap(figures)),
        ]
      : []),
  ];
  const command = `npx espalier search '${model}?${query}'`;
  const { count, kind } = plan.inputs;
  const facts = {
    Device: `${plan.device}, whose prices are ${plan.source}`,
    Strategy: plan.strategy,
    Inputs: `${count}, ${kinds[kind]}; every second one was held out to judge`,
    Model: identity.model.slice(0, 16),
    Compiler: identity.compiler.slice(0, 16),
  };
  return `<section>
<h2><code>${escapeHtml(query)}</code></h2>
<p>${escapeHtml(describeFit({ from: 'search', reason: plan.reason, plan }))}.</p>
<table><thead><tr><th></th><th>before</th><th>after</th><th></th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table>
${widthsTable(plan.widths ?? [])}<div class="charts">${charts.join('\n')}</div>
<h3>Where the figures are from</h3>
<dl>${Object.entries(facts)
    .map(([name, text]) => `<dt>${name}</dt><dd>${escapeHtml(text)}</dd>`)
    .join('')}</dl>
<h3>How to reproduce</h3>
<p><code>${escapeHtml(command)}</code> writes this plan again, with the same version of Espalier, the same model and inputs.</p>
</section>`;
}

/** The page of a model's plans. */
export const reportPage = (model: string, plans: readonly PlanFigures[]): string =>
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(model)}: plans</title>
<style>${style}</style>
</head>
<body>
<h1>${escapeHtml(model)}</h1>
${plans.map((plan) => section(model, plan)).join('\n')}
</body>
</html>
`;
