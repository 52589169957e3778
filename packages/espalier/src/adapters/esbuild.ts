// esbuild: files lie beside the scripts, or where `publicPath` says.

import type { UnpluginBuildContext } from 'unplugin';
import { type Adapter, eachFile } from './adapter.ts';

/** The option `publicPath` of the running build, if it is set. */
function publicPath(context: UnpluginBuildContext): string | undefined {
  const native = context.getNativeBuildContext?.();
  return native?.framework === 'esbuild' ? native.build.initialOptions.publicPath : undefined;
}

/** Writes files into the output folder. */
export const esbuild = (): Adapter => ({
  log: (line) => console.info(line),
  place: (context, built) =>
    eachFile(built, ({ name, bytes }) => {
      context.emitFile({ type: 'asset', fileName: name, source: bytes });
      const base = publicPath(context);
      if (base === undefined) return `new URL(${JSON.stringify(`./${name}`)}, import.meta.url)`;
      return JSON.stringify(`${base.replace(/\/?$/, '/')}${name}`);
    }),
});
