// Vite: files are emitted in a build, and served from memory while developing.

import { pathToFileURL } from 'node:url';
import type { ResolvedConfig, ViteDevServer } from 'vite';
import type { Asset } from '../build.ts';
import { type Adapter, type AdapterSetup, eachFile, writeAsset } from './adapter.ts';
import type { EmittingContext } from './rollup.ts';

const prefix = '@espalier/';

/** Emits in a build; in dev, a middleware serves what modules refer to. */
export function vite({ folder }: AdapterSetup): Adapter {
  const served = new Map<string, Asset>();
  const emitted = new Set<string>();
  let config: ResolvedConfig | undefined;
  let server: ViteDevServer | undefined;

  return {
    log: (line) => (config ? config.logger.info(line, { timestamp: true }) : console.info(line)),

    serving: () => config?.command === 'serve',

    place: (context, built, ssr) =>
      eachFile(built, async (asset) => {
        if (server && ssr) {
          // Code that runs in Node reads files; there is no page whose server could be asked.
          return JSON.stringify(pathToFileURL(await writeAsset(folder, asset)).href);
        }
        if (server) {
          served.set(asset.name, asset);
          return JSON.stringify(`${config?.base ?? '/'}${prefix}${asset.name}`);
        }
        const fileName = `${config?.build.assetsDir ?? 'assets'}/${asset.name}`;
        const file = { type: 'asset', fileName, source: asset.bytes } as const;
        emitted.add(fileName);
        // In Vite unplugin hands the bundler's own context through.
        const { emitFile } = context as unknown as EmittingContext;
        return `import.meta.ROLLUP_FILE_URL_${emitFile.call(context, file)}`;
      }),

    hooks: {
      vite: {
        // A server has no page to ask for files: its build keeps them beside the code.
        config: ({ build }, { isSsrBuild }) =>
          isSsrBuild && build?.ssrEmitAssets === undefined
            ? { build: { ssrEmitAssets: true } }
            : undefined,
        resolveFileUrl({ fileName, relativePath }) {
          const onServer = this.environment.config.consumer === 'server';
          return onServer && emitted.has(fileName)
            ? `new URL(${JSON.stringify(relativePath)}, import.meta.url).href`
            : undefined;
        },
        configResolved(resolved) {
          config = resolved;
        },
        configureServer(started) {
          server = started;
          started.middlewares.use((request, response, next) => {
            const path = request.url?.split('?')[0] ?? '';
            const at = path.indexOf(`/${prefix}`);
            const asset = at < 0 ? undefined : served.get(path.slice(at + 1 + prefix.length));
            if (!asset) return next();
            // Isolated pages want their headers on the scripts of threads too.
            for (const [name, value] of Object.entries(started.config.server.headers ?? {}))
              if (value !== undefined) response.setHeader(name, value);
            response.setHeader('content-type', asset.type);
            // The name is a hash of the content.
            response.setHeader('cache-control', 'max-age=31536000, immutable');
            response.end(asset.bytes);
          });
        },
      },
    },
  };
}
