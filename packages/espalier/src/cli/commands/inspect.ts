// `espalier inspect`: what a model is made of, and what becomes of it.

import { compile } from '@espalier/compiler';
import { costs, macs, parameterBytes, print, showType } from '@espalier/ir';
import { type ArgsDef, type CommandDef, defineCommand } from 'citty';
import { readModel, readModelFile } from '../../build.ts';
import { directives, parseDirectives } from '../../directives.ts';

const args = {
  model: { type: 'positional', description: 'an .onnx file', required: true },
  shape: { type: 'string', description: directives.shape.summary },
  graph: { type: 'boolean', description: 'print every node', default: false },
} as const satisfies ArgsDef;

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`;

/** Prints inputs, outputs, ops, multiply-accumulates and memory. */
export const inspect: CommandDef<typeof args> = defineCommand({
  meta: { name: 'inspect', description: 'show what a model is made of, and what it costs' },
  args,
  async run({ args }) {
    const query = args.shape ? `shape=${encodeURIComponent(args.shape)}` : '';
    const given = parseDirectives(query);
    const { graph } = readModel(await readModelFile(args.model), args.model, given);
    const { report, modules } = compile(graph);
    const lines = [
      ...graph.inputs.map(({ name, type }) => `input   ${name}: ${showType(type)}`),
      ...graph.outputs.map(({ name, node }) => `output  ${name}: ${showType(node.type)}`),
      '',
      'op                 count        MACs  parameters',
      ...countOps(report.graph),
      '',
      `multiply-accumulates  ${macs(graph).toLocaleString('en')}`,
      `parameters            ${megabytes(parameterBytes(report.graph))}`,
      `activations           ${megabytes(report.arenaBytes)}, shared by lifetime`,
      `code                  ${(modules.plain.length / 1000).toFixed(1)} kB, ${report.functions} functions, ${report.steps.length} steps`,
    ];
    console.info(lines.join('\n'));
    if (args.graph) console.info(`\n${print(report.graph)}`);
  },
});

/** One line an op of the graph as it is compiled, the costliest first. */
function countOps(graph: Parameters<typeof costs>[0]): string[] {
  const totals = new Map<string, { count: number; macs: number; bytes: number }>();
  for (const { op, macs, parameterBytes } of costs(graph)) {
    const total = totals.get(op) ?? { count: 0, macs: 0, bytes: 0 };
    total.count++;
    total.macs += macs;
    total.bytes += parameterBytes;
    totals.set(op, total);
  }
  return [...totals]
    .sort(([a, x], [b, y]) => y.macs - x.macs || y.count - x.count || (a < b ? -1 : 1))
    .map(
      ([op, { count, macs, bytes }]) =>
        `${op.padEnd(18)} ${String(count).padStart(5)} ${macs.toLocaleString('en').padStart(11)}  ${megabytes(bytes).padStart(10)}`,
    );
}
