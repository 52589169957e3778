// `espalier report`: a page about the plans beside a model.

import { basename, dirname, join, relative } from 'node:path';
import { type ArgsDef, type CommandDef, defineCommand } from 'citty';
import { replaceFile } from '../../cache.ts';
import { parseDirectives } from '../../directives.ts';
import { staleLock } from '../../errors.ts';
import { lockPath, readLock } from '../../fit/lock.ts';
import { searchCommand } from '../../fit/plan-model.ts';
import { canonical } from '../../fit/search-model.ts';
import { readModel, readModelFile } from '../../read-model.ts';
import { onlyShape } from '../../shapes.ts';
import { parseModelArgument } from '../model-argument.ts';

const args = {
  model: { type: 'positional', description: 'a model that plans lie beside', required: true },
  out: { type: 'string', description: 'file to write; default net.espalier.html beside the model' },
} as const satisfies ArgsDef;

/** Writes one page with all plans of a model. */
export const report: CommandDef<typeof args> = defineCommand({
  meta: { name: 'report', description: 'write a page about the plans beside a model' },
  args,
  async run({ args }) {
    const { file, query } = await parseModelArgument(args.model);
    const lock = await readLock(file);
    if (!lock) throw staleLock(lockPath(file), 'is not there', searchCommand(file, query));
    // Charts need a library that no build needs.
    const [{ figuresOf }, { reportPage }] = await Promise.all([
      import('../../report/figures.ts'),
      import('../../report/page.ts'),
    ]);
    const { bytes } = await readModelFile(file);
    const plans = Object.entries(lock.entries).map(([own, entry]) => {
      const { graph } = readModel(bytes, file, onlyShape(parseDirectives(own)));
      return figuresOf(own, entry, canonical(graph).graph);
    });
    const stem = basename(file).replace(/\.[^.]*$/, '');
    const out = args.out ?? join(dirname(file), `${stem}.espalier.html`);
    await replaceFile(out, reportPage(basename(file), plans));
    console.info(`${relative(process.cwd(), out)}: ${plans.length} plans`);
  },
});
