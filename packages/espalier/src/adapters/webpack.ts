// webpack and Rspack: `new URL(file, import.meta.url)` is their own way to say "ship this file".

import { type Adapter, type AdapterSetup, eachFile, writeAsset } from './adapter.ts';

/** Refers to files on disk, which the bundler then hashes, copies and gives a URL. */
export const webpack = ({ folder }: AdapterSetup): Adapter => ({
  log(line, context) {
    const native = context.getNativeBuildContext?.();
    if (native?.framework === 'webpack' || native?.framework === 'rspack')
      native.compiler.getInfrastructureLogger('espalier').info(line);
  },
  place: (_context, built) =>
    eachFile(
      built,
      async (asset) =>
        `new URL(${JSON.stringify(await writeAsset(folder, asset))}, import.meta.url)`,
    ),
});
