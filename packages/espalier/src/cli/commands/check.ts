// `espalier check`: fails where a build is worse than the plan that was committed.

import { basename } from 'node:path';
import { type ArgsDef, type CommandDef, defineCommand } from 'citty';
import { badOption } from '../../errors.ts';
import { checkModel } from '../../fit/check-model.ts';
import { usualTolerances } from '../../fit/regressions.ts';
import { textTable } from '../live-table.ts';
import { parseModelArgument } from '../model-argument.ts';

const args = {
  model: {
    type: 'positional',
    description: 'a model with the directives of its plan: net.onnx?target=s20&latency=12',
    required: true,
  },
  tolerance: {
    type: 'string',
    description: `how much slower or larger it may be; default ${usualTolerances.costs}`,
  },
  json: { type: 'boolean', description: 'print the comparison as JSON', default: false },
} as const satisfies ArgsDef;

/** Compares, prints a table, and ends with 1 where anything got worse. */
export const check: CommandDef<typeof args> = defineCommand({
  meta: { name: 'check', description: 'compare a build with the plan beside the model' },
  args,
  async run({ args }) {
    const { tolerance } = args;
    const costs = tolerance === undefined ? usualTolerances.costs : Number(tolerance);
    if (!(costs >= 0)) throw badOption('tolerance', tolerance!, 'it is a fraction, such as 0.05');
    const { file, directives, config } = await parseModelArgument(args.model);
    const checked = await checkModel(file, directives, config, { ...usualTolerances, costs });
    if (checked.regressed) process.exitCode = 1;
    if (args.json) return console.info(JSON.stringify(checked));
    const rows = checked.comparisons.map(({ name, committed, built, regressed }) => [
      name,
      committed.toPrecision(5),
      built.toPrecision(5),
      regressed ? 'worse' : 'holds',
    ]);
    console.info(textTable([[basename(file), 'committed', 'built', ''], ...rows]));
    if (checked.regressed) console.info('search again, or find out what made it worse');
  },
});
