// The plugin, the same for every bundler: resolves imports of models, compiles them, and hands the files
// to the bundler through its adapter.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { moduleText } from '@espalier/compiler';
import { type CustomLayers, isTfjs } from '@espalier/importers';
import type { Progress } from '@espalier/search';
import { createUnplugin, type UnpluginInstance } from 'unplugin';
import { type Adapter, adapters, type Framework } from './adapters/index.ts';
import { type BuiltModel, buildModel, programsOf } from './build.ts';
import { openCache } from './cache.ts';
import { readConfig } from './config.ts';
import {
  type DirectiveOptions,
  isForeign,
  isOurs,
  ownQuery,
  parseDirectives,
} from './directives.ts';
import { explained } from './errors.ts';
import { runtimeEntry } from './runtime-files.ts';
import { summarise } from './summarise.ts';
import { openTypes } from './types.ts';

/** What a project may set; nothing has to be. Every directive is an option too: queries count more. */
export interface EspalierOptions extends DirectiveOptions {
  /** Folder of compiled models; default `node_modules/.cache/espalier`. */
  readonly cache?: string;
  /** Where the types of the project's models are written, `false` for nowhere; default `espalier.d.ts`. */
  readonly types?: string | false;
  /** What is compiled for where an import does not say: a device, or the path of a profile; default `wasm`. */
  readonly target?: string;
  /** Importers of TF.js layers that are not Keras' own, by class name. */
  readonly customLayers?: CustomLayers;
  /** Whether builds fail where the plan beside a model is missing or stale; default false. */
  readonly frozen?: boolean;
  /** Threads of a search; default as many as the machine runs at once. Results do not depend on it. */
  readonly searchThreads?: number;
}

/** The id of a model: a path and a query. */
const modelId = /\.(?:onnx|tflite)(?:\?[^?]*)?$/;

/** Paths that may be models: what is in the file decides. */
const perhapsModel = /\.json$/;

/** Scripts may be models too, where a directive says that one is meant: a package may well load its own. */
const perhapsScript = /(?:^|\/)model[\w.-]*\.[cm]?js$/;

/** What ids of such files end with, so that bundlers do not take them for data. */
const disguise = '.espalier';

/** A path and its query, without `?`. */
function split(id: string): readonly [path: string, query: string] {
  const mark = id.indexOf('?');
  return mark < 0 ? [id, ''] : [id.slice(0, mark), id.slice(mark + 1)];
}

/** Whether an import may be of a model, and not of its URL or its bytes. */
function mayBeModel(id: string): boolean {
  return (modelId.test(id) || sharesEnding(id)) && !isForeign(split(id)[1]);
}

/** Whether the ending of a path is one that other files have too. */
function sharesEnding(id: string): boolean {
  const [path, query] = split(id);
  return perhapsModel.test(path) || (perhapsScript.test(path) && isOurs(query));
}

/** Whether an id is one that `resolveId` has given. */
const isModel = (id: string): boolean =>
  (modelId.test(id) || split(id)[0].endsWith(disguise)) && !isForeign(split(id)[1]);

/** The file of such an id. */
const fileOf = (path: string): string =>
  path.endsWith(disguise) ? path.slice(0, -disguise.length) : path;

/** Whether the file is a model that shares its ending with other data. */
async function holdsModel(file: string): Promise<boolean> {
  try {
    return isTfjs(await readFile(file));
  } catch {
    // Not there: the bundler says so properly.
    return false;
  }
}

/** The file that a specifier names: beside the importer, or in a package. */
function locate(path: string, importer: string | undefined): string | undefined {
  const folder = importer ? dirname(split(importer)[0]) : process.cwd();
  if (path.startsWith('.')) return resolve(folder, path);
  if (isAbsolute(path)) return existsSync(path) ? path : undefined;
  const require = createRequire(join(folder, 'importer.js'));
  try {
    return require.resolve(path);
  } catch {
    // Packages list what can be run, and forget data. If it is not there either, the bundler may know an alias, and
    // says so properly if it does not.
    const folders = require.resolve.paths(path) ?? [];
    return folders.map((modules) => join(modules, path)).find((file) => existsSync(file));
  }
}

/** Whether the bundler watches: then nobody waits for a search. */
const isWatching = (): boolean =>
  process.env.WEBPACK_SERVE === 'true' || process.env.ROLLUP_WATCH === 'true';

/** How often a search says how far it is, in ms. */
const announceEveryMs = 10_000;

/** Tells of a search through the bundler's logger: that it begins, and now and then how far it is. */
function announce(name: string, log: (line: string) => void): (progress: Progress) => void {
  let lastMs = Number.NEGATIVE_INFINITY;
  return ({ message }) => {
    const nowMs = performance.now();
    if (nowMs - lastMs < announceEveryMs) return;
    lastMs = nowMs;
    log(`${name}: fitting it to the device, ${message}`);
  };
}

/** The plugin for all bundlers; each entry of the package takes its own. */
export const espalier: UnpluginInstance<EspalierOptions | undefined, false> = createUnplugin<
  EspalierOptions | undefined,
  false
>((options = {}, { framework }) => {
  const { cache: _, types: __, frozen, searchThreads, customLayers, ...given } = options;
  const folder = resolve(options.cache ?? 'node_modules/.cache/espalier');
  const cache = openCache(folder);
  const types =
    options.types === false ? undefined : openTypes(resolve(options.types ?? 'espalier.d.ts'));
  const adapter: Adapter = adapters[framework as Framework]({ folder });
  // Paths in the configuration are relative to the project, those in an import to the model.
  const target =
    options.target?.startsWith('.') === true ? resolve(options.target) : options.target;
  // Two modules with one query are one build, also while it is running.
  const building = new Map<string, Promise<BuiltModel>>();

  function build(file: string, query: string, log: (line: string) => void): Promise<BuiltModel> {
    const id = `${file}?${query}`;
    const running = building.get(id);
    if (running) return running;
    const started = start(file, query, log).finally(() => building.delete(id));
    building.set(id, started);
    return started;
  }

  async function start(
    file: string,
    query: string,
    log: (line: string) => void,
  ): Promise<BuiltModel> {
    const config = await readConfig(process.cwd(), file);
    const directives = parseDirectives(query, { ...given, target }, ...config.directives);
    const serve = adapter.serving?.() ?? isWatching();
    const onProgress = announce(basename(file), log);
    return buildModel(file, directives, cache, {
      config,
      customLayers,
      serve,
      frozen,
      threads: searchThreads,
      onProgress,
      log: (line) => log(`${basename(file)}: ${line}`),
    });
  }

  return {
    name: 'espalier',
    enforce: 'pre',

    async resolveId(id, importer) {
      if (!mayBeModel(id)) return undefined;
      const [path, query] = split(id);
      const from = importer && (adapter.importer?.(importer) ?? importer);
      const file = locate(path, from);
      if (!file) return undefined;
      const shared = sharesEnding(id);
      if (shared && !(await holdsModel(file))) return undefined;
      const own = shared ? file + disguise : file;
      return query ? `${own}?${query}` : own;
    },

    loadInclude: isModel,

    async load(id, ...rest: readonly unknown[]) {
      const [path, query] = split(id);
      const file = fileOf(path);
      const own = ownQuery(query);
      this.addWatchFile(file);
      try {
        const startMs = performance.now();
        const log = (line: string) => adapter.log(line, this);
        const built = await build(file, own, log);
        for (const path of built.externalFiles) this.addWatchFile(path);
        log(summarise(basename(file), built, performance.now() - startMs));
        const programs = programsOf(built).map(({ program }) => program);
        await types?.declare(file, own, programs);
        const ssr = (rest[0] as { readonly ssr?: boolean } | undefined)?.ssr === true;
        const urls = await adapter.place(this, built, ssr);
        const code = moduleText(programs, await runtimeEntry(folder), urls);
        return (adapter.header?.(built) ?? '') + code;
      } catch (error) {
        throw explained(error);
      }
    },

    ...adapter.hooks,
  };
});
