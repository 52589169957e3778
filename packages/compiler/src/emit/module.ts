// The text that a bundler sees in place of a model: a small ES module, and its types.

import type { Port, Program } from '@espalier/runtime';

/** JavaScript expressions for the URLs of a program's modules. */
export interface CodeUrls {
  readonly plain: string;
  readonly relaxed: string;
}

/** JavaScript expressions for the URLs of a model's files. */
export interface FileUrls extends CodeUrls {
  readonly weights: string;
  /** The script of helping threads, for a program that has work for them. */
  readonly thread?: string | undefined;
  /** The modules of programs for further shapes. */
  readonly others?: readonly CodeUrls[];
}

/**
 * An ES module whose default export is the model.
 *
 * @param programs One for each shape.
 * @param runtime Specifier of the runtime, as the module imports it.
 */
export function moduleText(programs: readonly Program[], runtime: string, urls: FileUrls): string {
  const from = programs.some(({ parallel }) => parallel) ? threadsEntry(runtime) : runtime;
  const code = [urls, ...(urls.others ?? [])];
  const one = (program: Program, i: number) => `/* @__PURE__ */ createModel({
  program: ${JSON.stringify(program)},
  plain: ${code[i]!.plain},
  relaxed: ${code[i]!.relaxed},
  weights: ${urls.weights},${urls.thread ? `\n  thread: ${urls.thread},` : ''}
})`;
  const models = programs.map(one);
  const several = programs.length > 1;
  return `import { createModel } from ${JSON.stringify(from)};
${several ? `import { chooseByShape } from ${JSON.stringify(runtime)};\n` : ''}
export default ${several ? `/* @__PURE__ */ chooseByShape([${models.join(', ')}])` : models[0]};
`;
}

/** The runtime's entry with threads, beside the one without: a file's neighbour or a package's other export. */
const threadsEntry = (runtime: string): string =>
  runtime.endsWith('/index.js')
    ? runtime.replace(/index\.js$/, 'threads.js')
    : `${runtime}/threads`;

/**
 * The type of a model with the names, element types and shapes of its inputs and outputs.
 *
 * @param programs One for each shape.
 * @param types Specifier of a module that exports the types of the runtime.
 */
export function modelType(programs: readonly Program[], types: string): string {
  const from = `import(${JSON.stringify(types)})`;
  const signatures = programs.map((program) => signature(program, from));
  return programs.length > 1
    ? `${from}.ShapedModel<[${signatures.join(', ')}]>`
    : `${from}.Model<${signatures[0]}>`;
}

function signature({ inputs, outputs }: Program, from: string): string {
  const list = (ports: readonly Port[]) =>
    ports
      .map(
        ({ name, dtype, shape }) =>
          `    readonly ${JSON.stringify(name)}: ${from}.TensorInfo<'${dtype}', readonly [${shape.join(', ')}]>;\n`,
      )
      .join('');
  return `{
  readonly inputs: {
${list(inputs)}  };
  readonly outputs: {
${list(outputs)}  };
}`;
}
