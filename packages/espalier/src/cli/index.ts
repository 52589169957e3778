#!/usr/bin/env node
// The command `espalier`.

import { EspalierError } from '@espalier/ir';
import { type ArgsDef, type CommandDef, defineCommand, renderUsage, runCommand } from 'citty';
import { explain, unknownOption } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { build } from './commands/build.ts';
import { calibrate } from './commands/calibrate.ts';
import { check } from './commands/check.ts';
import { devices } from './commands/devices.ts';
import { inspect } from './commands/inspect.ts';
import { report } from './commands/report.ts';
import { search } from './commands/search.ts';

/** Every command, by its name. */
// biome-ignore lint/suspicious/noExplicitAny: citty's commands differ in the types of their arguments
const commands: Readonly<Record<string, CommandDef<any>>> = {
  build,
  calibrate,
  check,
  devices,
  inspect,
  report,
  search,
};

const main = defineCommand({
  meta: { name: 'espalier', description: 'neural networks compiled to their own code' },
  subCommands: commands,
});

/** citty passes over options that it does not know; a misspelt one must not be ignored. */
function refuseUnknown(words: readonly string[], names: readonly string[]): void {
  for (const word of words) {
    const name = /^--(?:no-)?([^=]+)/.exec(word)?.[1];
    if (name !== undefined && !names.includes(name))
      throw unknownOption(
        name,
        nearest(name, names),
        names
          .filter((one) => one !== 'model')
          .map((one) => `--${one}`)
          .join(', '),
      );
  }
}

const rawArgs = process.argv.slice(2);
const command = commands[rawArgs[0] ?? ''];
if (rawArgs.length === 0 || rawArgs.some((word) => word === '--help' || word === '-h'))
  console.info(await renderUsage(command ?? main, command && main));
else
  try {
    if (command) refuseUnknown(rawArgs, Object.keys(command.args as ArgsDef));
    await runCommand(main, { rawArgs });
  } catch (error) {
    // What the user can mend ends with 1, what we have to mend with 70, as sysexits has it.
    const usage = error instanceof Error && error.name === 'CLIError';
    if (error instanceof EspalierError) console.error(explain(error));
    else if (usage) console.error(error.message);
    else console.error(error);
    process.exitCode = error instanceof EspalierError || usage ? 1 : 70;
  }
