// A model as files in a folder, for projects without a plugin: module, runtime, assets and types.

import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { modelType, moduleText } from '@espalier/compiler';
import { eachFile } from './adapters/adapter.ts';
import { type Asset, type BuiltModel, buildModel, programsOf } from './build.ts';
import { type Cache, replaceFile } from './cache.ts';
import { readConfig } from './config.ts';
import { parseDirectives } from './directives.ts';
import type { PlanOptions } from './fit/plan-model.ts';
import { runtimeFiles, runtimeTypes } from './runtime-files.ts';

/** What was written. */
export interface WrittenModel {
  readonly built: BuiltModel;
  /** Path of the ES module to import. */
  readonly module: string;
  /** Paths of all files, the module's among them. */
  readonly files: readonly string[];
}

/**
 * Compiles a model into a folder. The module needs nothing but the files beside it.
 *
 * @param query Directives as in an import, without `?`.
 * @throws {EspalierError} as an import in an app does
 */
export async function writeModel(
  file: string,
  query: string,
  folder: string,
  cache?: Cache,
  options: PlanOptions = {},
): Promise<WrittenModel> {
  const config = await readConfig(process.cwd(), file);
  const directives = parseDirectives(query, ...config.directives);
  const built = await buildModel(file, directives, cache, { ...options, config });
  const stem = basename(file).replace(/\.[^.]*$/, '');
  const runtime = Object.entries({ ...(await runtimeFiles()), ...(await runtimeTypes()) }).map(
    ([name, text]) => [join('espalier-runtime', name), text] as const,
  );
  const url = (name: string) => `new URL(${JSON.stringify(`./${name}`)}, import.meta.url)`;
  const programs = programsOf(built).map(({ program }) => program);
  const assets: Asset[] = [];
  const urls = await eachFile(built, (asset) => {
    assets.push(asset);
    return url(asset.name);
  });
  const code = moduleText(programs, './espalier-runtime/index.js', urls);
  const declared = modelType(programs, './espalier-runtime/index.js');
  const files: readonly (readonly [string, string | Uint8Array])[] = [
    ...runtime,
    ...assets.map(({ name, bytes }) => [name, bytes] as const),
    [`${stem}.js`, code],
    [`${stem}.d.ts`, `declare const model: ${declared};\nexport default model;\n`],
  ];
  await mkdir(join(folder, 'espalier-runtime'), { recursive: true });
  for (const [name, content] of files) await replaceFile(join(folder, name), content);
  return {
    built,
    module: join(folder, `${stem}.js`),
    files: files.map(([name]) => join(folder, name)),
  };
}
