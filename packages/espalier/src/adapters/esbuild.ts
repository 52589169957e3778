// esbuild: files are imported with its own `file` loader, so that it names, places and links them.

import type { BuildOptions } from 'esbuild';
import { type Asset, type BuiltModel, programsOf } from '../build.ts';
import { type Adapter, eachFile } from './adapter.ts';

const scheme = 'espalier-asset:';

/** The files that a model has, by what they are for. */
const filesOf = (
  built: BuiltModel,
): readonly { readonly role: string; readonly asset: Asset }[] => [
  ...programsOf(built).flatMap(({ plain, relaxed }, i) => [
    { role: `plain${i}`, asset: plain },
    { role: `relaxed${i}`, asset: relaxed },
  ]),
  { role: 'weights', asset: built.weights },
  ...(built.thread ? [{ role: 'thread', asset: built.thread }] : []),
];

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
        ...filesOf(built).map(
          ({ role, asset }) => `import ${role} from ${JSON.stringify(scheme + asset.name)};`,
        ),
        `const base = ${scriptUrl(options)};\n`,
      ].join('\n'),
    place: async (_context, built) => {
      const roleOf = new Map(filesOf(built).map(({ role, asset }) => [asset, role]));
      return eachFile(built, (asset) => {
        assets.set(asset.name, asset);
        return `new URL(${roleOf.get(asset)}, base)`;
      });
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
