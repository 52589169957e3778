// `espalier devices`: the profiles that can be named, and what is known of each.

import { existsSync, readdirSync } from 'node:fs';
import { EspalierError } from '@espalier/ir';
import { type ArgsDef, type CommandDef, defineCommand } from 'citty';
import { explain } from '../../errors.ts';
import { local, localProfilePath, readTarget, targetNames } from '../../targets.ts';

const args = {} as const satisfies ArgsDef;

/** One line a profile. */
function line(target: string): string {
  try {
    const { profile } = readTarget(target, process.cwd());
    const { title, source, modules, cores, clockGHz } = profile;
    const clock = clockGHz ? `${clockGHz.value} GHz` : '';
    return [
      target.padEnd(24),
      source.padEnd(10),
      modules.join('+').padEnd(14),
      `${cores.value} cores`.padEnd(9),
      clock.padEnd(9),
      title,
    ].join(' ');
  } catch (error) {
    if (error instanceof EspalierError) return `${target.padEnd(24)} ${explain(error)}`;
    throw error;
  }
}

/** Lists what `?target=` can name here. */
export const devices: CommandDef<typeof args> = defineCommand({
  meta: { name: 'devices', description: 'list the devices that a model can be compiled for' },
  args,
  run() {
    const calibrated = existsSync(localProfilePath());
    const named = targetNames.filter((name) => name !== local || calibrated);
    const files = readdirSync('.')
      .filter((file) => file.endsWith('.device.json'))
      .sort();
    console.info([...named, ...files.map((file) => `./${file}`)].map(line).join('\n'));
    if (!calibrated)
      console.info(`${local.padEnd(24)} not measured yet: espalier calibrate --local`);
  },
});
