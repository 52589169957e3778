#!/usr/bin/env node
// The command `espalier`.

import { EspalierError } from '@espalier/ir';
import { type CommandDef, defineCommand, renderUsage, runCommand } from 'citty';
import { explain } from '../errors.ts';
import { build } from './commands/build.ts';
import { inspect } from './commands/inspect.ts';

/** Every command, by its name. */
// biome-ignore lint/suspicious/noExplicitAny: citty's commands differ in the types of their arguments
const commands: Readonly<Record<string, CommandDef<any>>> = { build, inspect };

const main = defineCommand({
  meta: { name: 'espalier', description: 'neural networks compiled to their own code' },
  subCommands: commands,
});

const rawArgs = process.argv.slice(2);
const command = commands[rawArgs[0] ?? ''];
if (rawArgs.length === 0 || rawArgs.some((word) => word === '--help' || word === '-h'))
  console.info(await renderUsage(command ?? main, command && main));
else
  try {
    await runCommand(main, { rawArgs });
  } catch (error) {
    // What the user can mend ends with 1, what we have to mend with 70, as sysexits has it.
    const usage = error instanceof Error && error.name === 'CLIError';
    if (error instanceof EspalierError) console.error(explain(error));
    else if (usage) console.error(error.message);
    else console.error(error);
    process.exitCode = error instanceof EspalierError || usage ? 1 : 70;
  }
