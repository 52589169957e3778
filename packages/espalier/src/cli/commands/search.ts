// `espalier search`: finds a plan for a device, and writes it beside the model.

import { basename, relative } from 'node:path';
import type { Trial } from '@espalier/search';
import { type ArgsDef, type CommandDef, defineCommand } from 'citty';
import { badOption } from '../../errors.ts';
import { lockModel } from '../../fit/lock-model.ts';
import { describeFit } from '../../summarise.ts';
import { liveTable, textTable } from '../live-table.ts';
import { parseModelArgument, projectCache } from '../model-argument.ts';

const args = {
  model: {
    type: 'positional',
    description: 'a model with directives: net.onnx?target=s20&latency=12',
    required: true,
  },
  threads: { type: 'string', description: 'how many; the result does not depend on it' },
  json: { type: 'boolean', description: 'print the result as JSON', default: false },
} as const satisfies ArgsDef;

const row = (name: string, { ms, bytes, memoryBytes, score }: Trial): string[] => [
  name,
  ms.toPrecision(3),
  `${Math.ceil(bytes / 1000)}`,
  `${Math.ceil(memoryBytes / 1000)}`,
  score.toFixed(4),
];

/** Searches, shows how far it is, and writes the plan. Stopped and started again, it goes on. */
export const search: CommandDef<typeof args> = defineCommand({
  meta: { name: 'search', description: 'fit a model to a device, and write the plan beside it' },
  args,
  async run({ args }) {
    const threads = args.threads === undefined ? undefined : Number(args.threads);
    if (threads !== undefined && !(Number.isInteger(threads) && threads > 0))
      throw badOption('threads', args.threads!, 'it is a whole number from 1 on');
    const { file, directives, config } = await parseModelArgument(args.model);
    const table = liveTable(process.stderr);
    const stop = () => {
      table.close();
      console.error('stopped; the same command goes on from here');
      process.exit(130);
    };
    process.once('SIGINT', stop);
    try {
      const options = { config, threads, onProgress: table.show, log: console.error };
      const locked = await lockModel(file, directives, projectCache(), options);
      table.close();
      const { plan } = locked.entry;
      const files = locked.files.map((path) => relative(process.cwd(), path));
      if (args.json) {
        const { query, evaluations } = locked;
        console.info(JSON.stringify({ query, files, evaluations, plan }));
        return;
      }
      const rows = [
        ['', 'ms', 'kB', 'kB in memory', plan.metric],
        row('dense', plan.dense),
        ...plan.trials.map((trial, i) => row(`plan ${i + 1}`, trial)),
        ...(plan.accepted ? [row('ships', plan.shipped)] : []),
      ];
      console.info(textTable(rows));
      console.info(
        `${basename(file)}: ${describeFit({ from: 'search', reason: plan.reason, plan })}`,
      );
      console.info(`wrote ${files.join(' and ')}: commit them, and builds only compile`);
    } finally {
      process.off('SIGINT', stop);
    }
  },
});
