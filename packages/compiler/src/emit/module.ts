// The text that a bundler sees in place of a model: a small ES module, and its types.

import type { Port, Program } from '@espalier/runtime';

/** JavaScript expressions for the URLs of a program's files. */
export interface FileUrls {
  readonly plain: string;
  readonly relaxed: string;
  readonly weights: string;
  /** The script of helping threads, for a program that has work for them. */
  readonly thread?: string | undefined;
}

/**
 * An ES module whose default export is the model.
 *
 * @param runtime Specifier of the runtime, as the module imports it.
 */
export function moduleText(program: Program, runtime: string, urls: FileUrls): string {
  const from = program.parallel ? threadsEntry(runtime) : runtime;
  return `import { createModel } from ${JSON.stringify(from)};

export default /* @__PURE__ */ createModel({
  program: ${JSON.stringify(program)},
  plain: ${urls.plain},
  relaxed: ${urls.relaxed},
  weights: ${urls.weights},${urls.thread ? `\n  thread: ${urls.thread},` : ''}
});
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
 * @param types Specifier of a module that exports the types of the runtime.
 */
export function modelType({ inputs, outputs }: Program, types: string): string {
  const from = `import(${JSON.stringify(types)})`;
  const list = (ports: readonly Port[]) =>
    ports
      .map(
        ({ name, dtype, shape }) =>
          `    readonly ${JSON.stringify(name)}: ${from}.TensorInfo<'${dtype}', readonly [${shape.join(', ')}]>;\n`,
      )
      .join('');
  return `${from}.Model<{
  readonly inputs: {
${list(inputs)}  };
  readonly outputs: {
${list(outputs)}  };
}>`;
}
