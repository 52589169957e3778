// `espalier build`: a model as files, for projects without a plugin.

import { basename } from 'node:path';
import { type ArgsDef, type CommandDef, defineCommand } from 'citty';
import { directives } from '../../directives.ts';
import { summarise } from '../../summarise.ts';
import { writeModel } from '../../write-model.ts';
import { liveTable } from '../live-table.ts';
import { projectCache } from '../model-argument.ts';

const args = {
  model: {
    type: 'positional',
    description:
      'an .onnx or .tflite file, or a TF.js model.json, with directives if wanted: net.onnx?target=s20',
    required: true,
  },
  out: { type: 'string', description: 'folder to write into', required: true },
  shape: { type: 'string', description: directives.shape.summary },
  input: { type: 'string', description: directives.input.summary },
  weights: { type: 'string', description: directives.weights.summary },
  target: { type: 'string', description: directives.target.summary },
  exact: { type: 'boolean', description: directives.exact.summary },
  frozen: {
    type: 'boolean',
    description: 'fail where the plan beside the model is missing or stale',
    default: false,
  },
} as const satisfies ArgsDef;

/** Compiles a model into a folder. */
export const build: CommandDef<typeof args> = defineCommand({
  meta: { name: 'build', description: 'compile a model into a module and its files' },
  args,
  async run({ args }) {
    const query = (['shape', 'input', 'weights', 'target', 'exact'] as const)
      .flatMap((name) => (args[name] ? [`${name}=${encodeURIComponent(`${args[name]}`)}`] : []))
      .join('&');
    const [model = '', ...own] = args.model.split('?');
    const whole = [own.join('?'), query].filter(Boolean).join('&');
    const table = liveTable(process.stderr);
    const startMs = performance.now();
    const { built, module, files } = await writeModel(model, whole, args.out, projectCache(), {
      frozen: args.frozen,
      onProgress: table.show,
      log: console.error,
    });
    table.close();
    console.info(summarise(basename(model), built, performance.now() - startMs));
    console.info(`${module} and ${files.length - 1} files beside it`);
  },
});
