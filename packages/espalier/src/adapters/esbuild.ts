// esbuild: files are imported with its own `file` loader, so that it names, places and links them.

import type { BuildOptions } from 'esbuild';
import type { Asset } from '../build.ts';
import type { Adapter } from './adapter.ts';

const scheme = 'espalier-asset:';
const roles = ['plain', 'relaxed', 'weights'] as const;

/** Where the running script is, which its files are relative to; by the format of the output. */
function scriptUrl({ format, platform }: BuildOptions): string {
  if (format === 'esm' || (!format && platform === 'neutral')) return 'import.meta.url';
  if (format === 'cjs' || (!format && platform === 'node'))
    return '"file:" + encodeURI(__filename)';
  return '(globalThis.document?.currentScript ?? {}).src ?? location.href';
}

/** Imports files by names that only this plugin resolves. */
export function esbuild(): Adapter {
  const assets = new Map<string, Asset>();
  let options: BuildOptions = {};
  return {
    log(line) {
      const { logLevel } = options;
      if (logLevel !== 'silent' && logLevel !== 'error' && logLevel !== 'warning')
        console.info(line);
    },
    header: (built) =>
      [
        ...roles.map((role) => `import ${role} from ${JSON.stringify(scheme + built[role].name)};`),
        `const base = ${scriptUrl(options)};\n`,
      ].join('\n'),
    place: async (_context, built) => {
      for (const role of roles) assets.set(built[role].name, built[role]);
      const url = (role: string) => `new URL(${role}, base)`;
      return { plain: url('plain'), relaxed: url('relaxed'), weights: url('weights') };
    },
    hooks: {
      esbuild: {
        setup(build) {
          options = build.initialOptions;
          build.onResolve({ filter: new RegExp(`^${scheme}`) }, ({ path }) => ({
            path: path.slice(scheme.length),
            namespace: 'espalier-asset',
          }));
          build.onLoad({ filter: /.*/, namespace: 'espalier-asset' }, ({ path }) => {
            const asset = assets.get(path);
            return asset && { contents: asset.bytes, loader: 'file' };
          });
        },
      },
    },
  };
}
