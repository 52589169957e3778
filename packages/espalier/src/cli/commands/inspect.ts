// `espalier inspect`: what a model is made of, what becomes of each operator, and what the whole costs.

import { compile } from '@espalier/compiler';
import type { OperatorUse, Survey } from '@espalier/importers';
import { costs, type Graph, macs, parameterBytes, print, showType } from '@espalier/ir';
import { type ArgsDef, type CommandDef, defineCommand } from 'citty';
import { directives, parseDirectives } from '../../directives.ts';
import { readModelFile, surveyModel } from '../../read-model.ts';
import { onlyShape } from '../../shapes.ts';

const args = {
  model: {
    type: 'positional',
    description:
      'an .onnx or .tflite file, or a TF.js model.json; with directives if wanted: net.onnx?shape=1x3x224x224',
    required: true,
  },
  shape: { type: 'string', description: directives.shape.summary },
  input: { type: 'string', description: directives.input.summary },
  graph: { type: 'boolean', description: 'print every node', default: false },
  json: { type: 'boolean', description: 'print everything as JSON', default: false },
} as const satisfies ArgsDef;

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`;

/** What the model costs once it is compiled. */
interface Costs {
  readonly macs: number;
  readonly parameterBytes: number;
  readonly arenaBytes: number;
  readonly codeBytes: number;
  readonly functions: number;
  readonly steps: number;
  /** By op of the graph, the costliest first. */
  readonly ops: readonly {
    readonly op: string;
    readonly count: number;
    readonly macs: number;
    readonly parameterBytes: number;
  }[];
}

/** Prints operators, inputs, outputs, ops, multiply-accumulates and memory. */
export const inspect: CommandDef<typeof args> = defineCommand({
  meta: { name: 'inspect', description: 'show what becomes of a model, and what it costs' },
  args,
  async run({ args }) {
    const [file = '', ...query] = args.model.split('?');
    const words = (['shape', 'input'] as const).flatMap((name) =>
      args[name] ? [`${name}=${encodeURIComponent(args[name])}`] : [],
    );
    const given = parseDirectives([query.join('?'), ...words].filter(Boolean).join('&'));
    const { bytes } = await readModelFile(file);
    const survey = surveyModel(bytes, file, onlyShape(given));
    if (!survey.graph) process.exitCode = 1;
    const compiled = survey.graph && compile(survey.graph);
    const cost = survey.graph && compiled && costsOf(survey.graph, compiled);
    if (args.json) return console.info(JSON.stringify(asJson(survey, cost), undefined, 2));
    console.info(asText(survey, cost).join('\n'));
    if (args.graph && compiled) console.info(`\n${print(compiled.report.graph)}`);
  },
});

function costsOf(graph: Graph, { report, modules }: ReturnType<typeof compile>): Costs {
  return {
    macs: macs(graph),
    parameterBytes: parameterBytes(report.graph),
    arenaBytes: report.arenaBytes,
    codeBytes: modules.plain.length,
    functions: report.functions,
    steps: report.steps.length,
    ops: countOps(report.graph),
  };
}

const ports = ({ graph }: Survey) => ({
  inputs: graph?.inputs.map(({ name, type }) => ({ name, ...type })),
  outputs: graph?.outputs.map(({ name, node }) => ({ name, ...node.type })),
});

const asJson = (survey: Survey, cost: Costs | undefined) => ({
  compiles: survey.graph !== undefined,
  operators: survey.operators,
  ...ports(survey),
  ...(cost && { cost }),
});

function asText(survey: Survey, cost: Costs | undefined): string[] {
  const lines = [
    'operator                       opset  count  fate        becomes',
    ...survey.operators.map(({ domain, operator, opset, count, fate, becomes }) =>
      `${`${domain && `${domain}.`}${operator}`.padEnd(30)} ${`${opset ?? ''}`.padStart(5)}  ${`${count}`.padStart(5)}  ${fate.padEnd(10)}  ${becomes.join(', ')}`.trimEnd(),
    ),
    '',
  ];
  for (const use of survey.operators) lines.push(...refusal(use));
  if (!survey.graph || !cost) return lines;
  const { inputs, outputs } = ports(survey);
  return [
    ...lines,
    ...inputs!.map((port) => `input   ${port.name}: ${showType(port)}`),
    ...outputs!.map((port) => `output  ${port.name}: ${showType(port)}`),
    '',
    'op                 count        MACs  parameters',
    ...cost.ops.map(
      ({ op, count, macs, parameterBytes }) =>
        `${op.padEnd(18)} ${String(count).padStart(5)} ${macs.toLocaleString('en').padStart(11)}  ${megabytes(parameterBytes).padStart(10)}`,
    ),
    '',
    `multiply-accumulates  ${cost.macs.toLocaleString('en')}`,
    `parameters            ${megabytes(cost.parameterBytes)}`,
    `activations           ${megabytes(cost.arenaBytes)}, shared by lifetime`,
    `code                  ${(cost.codeBytes / 1000).toFixed(1)} kB, ${cost.functions} functions, ${cost.steps} steps`,
  ];
}

/** Why an operator is refused, where, and what to do. */
function refusal({ operator, opset, why, nodes = [], hint }: OperatorUse): string[] {
  if (why === undefined) return [];
  const places = nodes.length > 8 ? [...nodes.slice(0, 8), `${nodes.length - 8} more`] : nodes;
  return [
    `${operator}${opset === undefined ? '' : ` (opset ${opset})`} is refused: ${why}`,
    `  at ${places.join(', ')}`,
    ...(hint ? [`  ${hint}`] : []),
  ];
}

/** One entry an op of the graph as it is compiled, the costliest first. */
function countOps(graph: Graph): Costs['ops'] {
  const totals = new Map<string, { count: number; macs: number; parameterBytes: number }>();
  for (const { op, macs, parameterBytes } of costs(graph)) {
    const total = totals.get(op) ?? { count: 0, macs: 0, parameterBytes: 0 };
    total.count++;
    total.macs += macs;
    total.parameterBytes += parameterBytes;
    totals.set(op, total);
  }
  return [...totals]
    .map(([op, total]) => ({ op, ...total }))
    .sort((a, b) => b.macs - a.macs || b.count - a.count || (a.op < b.op ? -1 : 1));
}
