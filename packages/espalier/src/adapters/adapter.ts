// What differs from bundler to bundler: how a file gets into the output, and how code finds it there.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CodeUrls, FileUrls } from '@espalier/compiler';
import type { UnpluginBuildContext, UnpluginOptions } from 'unplugin';
import type { Asset, BuiltModel } from '../build.ts';
import { replaceFile } from '../cache.ts';

/** One bundler's way with files. */
export interface Adapter {
  /** Prints one line about a model through the bundler's logger. */
  log(line: string, context: UnpluginBuildContext): void;
  /** Hands over the files of a model; the results are expressions in the module's code. */
  place(context: UnpluginBuildContext, built: BuiltModel, ssr: boolean): Promise<FileUrls>;
  /** Whether it serves a page under development rather than builds; absent where the adapter cannot tell. */
  serving?(): boolean;
  /** What goes before the module's code, if the expressions need anything. */
  header?(built: BuiltModel): string;
  /** The importing file's real path, where unplugin does not give that. */
  importer?(path: string): string;
  /** The bundler's own hooks, if the adapter needs any. */
  readonly hooks?: Partial<UnpluginOptions>;
}

/** What an adapter is made with. */
export interface AdapterSetup {
  /** The cache's folder: files that have to lie on disk are put below it. */
  readonly folder: string;
}

/** The same for each of a model's files. */
export async function eachFile(
  { plain, relaxed, weights, thread, others }: BuiltModel,
  place: (asset: Asset) => Promise<string> | string,
): Promise<FileUrls> {
  const further: CodeUrls[] = [];
  for (const one of others)
    further.push({ plain: await place(one.plain), relaxed: await place(one.relaxed) });
  return {
    plain: await place(plain),
    relaxed: await place(relaxed),
    weights: await place(weights),
    thread: thread && (await place(thread)),
    others: further,
  };
}

/** Writes a file below the cache's folder, and returns its path. Names carry a hash of the content. */
export async function writeAsset(folder: string, { name, bytes }: Asset): Promise<string> {
  const assets = join(folder, 'assets');
  await mkdir(assets, { recursive: true });
  const path = join(assets, name);
  await replaceFile(path, bytes);
  return path;
}
