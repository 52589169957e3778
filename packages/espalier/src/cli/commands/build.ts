// `espalier build`: a model as files, for projects without a plugin.

import { basename } from 'node:path';
import { type ArgsDef, type CommandDef, defineCommand } from 'citty';
import { summarise } from '../../build.ts';
import { directives } from '../../directives.ts';
import { writeModel } from '../../write-model.ts';

const args = {
  model: {
    type: 'positional',
    description: 'an .onnx or .tflite file, or a TF.js model.json',
    required: true,
  },
  out: { type: 'string', description: 'folder to write into', required: true },
  shape: { type: 'string', description: directives.shape.summary },
  input: { type: 'string', description: directives.input.summary },
  weights: { type: 'string', description: directives.weights.summary },
  target: { type: 'string', description: directives.target.summary },
  exact: { type: 'boolean', description: directives.exact.summary },
} as const satisfies ArgsDef;

/** Compiles a model into a folder. */
export const build: CommandDef<typeof args> = defineCommand({
  meta: { name: 'build', description: 'compile a model into a module and its files' },
  args,
  async run({ args }) {
    const query = (['shape', 'input', 'weights', 'target', 'exact'] as const)
      .flatMap((name) => (args[name] ? [`${name}=${encodeURIComponent(`${args[name]}`)}`] : []))
      .join('&');
    const startMs = performance.now();
    const { built, module, files } = await writeModel(args.model, query, args.out);
    console.info(summarise(basename(args.model), built, performance.now() - startMs));
    console.info(`${module} and ${files.length - 1} files beside it`);
  },
});
