// `espalier.config.ts`: directives for all models of a project and for some, and what queries cannot say.

import { existsSync } from 'node:fs';
import { basename, join, relative, resolve, sep } from 'node:path';
import type { Pin } from '@espalier/search';
import { type DirectiveOptions, directives } from './directives.ts';
import { badModule, unknownOptionIn } from './errors.ts';
import type { Preprocessing } from './inputs/preprocess.ts';
import { loadModule } from './modules.ts';
import { didYouMean } from './nearest.ts';

/** What a project says about one model. */
export interface ModelConfig extends DirectiveOptions {
  /** Schemes and sparsities of layers, by the name of their node in the model. */
  readonly layers?: Readonly<Record<string, Pin>>;
  /** How pictures become each input; the key `*` stands for all. */
  readonly preprocessing?: Readonly<Record<string, Preprocessing>>;
}

/** What a project says about its models. */
export interface Config extends ModelConfig {
  /** By the path of the model relative to the configuration, or by the name of its file. */
  readonly models?: Readonly<Record<string, ModelConfig>>;
}

/** What is said about one model. */
export interface OwnConfig {
  /** Directives, the model's own before those of all. */
  readonly directives: readonly DirectiveOptions[];
  readonly layers: Readonly<Record<string, Pin>>;
  readonly preprocessing: Readonly<Record<string, Preprocessing>>;
  /** The configuration's file, if there is one. */
  readonly file: string | undefined;
}

/** Checks a configuration as it is written down. */
export const defineConfig = (config: Config): Config => config;

const names = ['ts', 'mts', 'js', 'mjs'].map((ending) => `espalier.config.${ending}`);

/**
 * Reads what a project's configuration says about a model.
 *
 * @param root Folder of the project.
 * @throws {EspalierError} BAD_MODULE, UNKNOWN_OPTION_IN
 */
export async function readConfig(root: string, model: string): Promise<OwnConfig> {
  const file = names.map((name) => join(root, name)).find((path) => existsSync(path));
  if (!file) return { directives: [], layers: {}, preprocessing: {}, file };
  const { default: config } = (await loadModule(file)) as { readonly default?: Config };
  if (typeof config !== 'object') throw badModule(file, 'its default export is no configuration');
  const path = relative(root, resolve(model)).split(sep).join('/');
  const { models = {}, ...all } = config;
  const own = models[path] ?? models[basename(model)] ?? {};
  check(all, file);
  check(own, file);
  return {
    directives: [own, all].map(({ layers: _, preprocessing: __, ...rest }) => ({
      ...rest,
      // Paths in a configuration are relative to the project, those in a query to the model.
      ...(isRelative(rest.target) && { target: resolve(root, rest.target) }),
    })),
    layers: { ...all.layers, ...own.layers },
    preprocessing: { ...all.preprocessing, ...own.preprocessing },
    file,
  };
}

const isRelative = (target: unknown): target is string =>
  typeof target === 'string' && target.startsWith('.');

/** What may be said of a layer. */
const pinned = ['scheme', 'sparsity', 'width'] as const satisfies readonly (keyof Pin)[];

/** @throws {EspalierError} UNKNOWN_OPTION_IN, BAD_DIRECTIVE */
function checkPin(pin: Pin, file: string): void {
  for (const name of Object.keys(pin))
    if (!pinned.some((one) => one === name))
      throw unknownOptionIn(file, name, didYouMean(name, pinned));
  for (const name of pinned) {
    const value = pin[name];
    if (value !== undefined) directives[name].parse(String(value));
  }
}

function check(config: ModelConfig, file: string): void {
  const known = [...Object.keys(directives), 'layers', 'preprocessing', 'models'];
  for (const name of Object.keys(config))
    if (!known.includes(name)) throw unknownOptionIn(file, name, didYouMean(name, known));
  for (const pin of Object.values(config.layers ?? {})) checkPin(pin, file);
}
