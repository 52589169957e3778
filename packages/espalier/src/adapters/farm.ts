// Farm: files lie in the output folder, which its public path leads to.

import { relative, resolve } from 'node:path';
import { type Adapter, eachFile } from './adapter.ts';

/** Emits through the bundler; scripts may be anywhere, so URLs are from the public path on. */
export function farm(): Adapter {
  let base = '/';
  let root = process.cwd();
  return {
    log: (line) => console.info(line),
    place: (context, built) =>
      eachFile(built, ({ name, bytes }) => {
        context.emitFile({ type: 'asset', fileName: name, source: bytes });
        return JSON.stringify(`${base}${name}`);
      }),
    // Farm names modules by their path below the project's root; unplugin takes the working directory.
    importer: (path) => resolve(root, relative(process.cwd(), path)),
    hooks: {
      farm: {
        configResolved(config) {
          root = config.root ?? root;
          base = (config.compilation?.output?.publicPath ?? '/').replace(/\/?$/, '/');
        },
      },
    },
  };
}
