// Farm: files lie in the output folder, which its public path leads to.

import { type Adapter, eachFile } from './adapter.ts';

/** Emits through the bundler; scripts may be anywhere, so URLs are from the public path on. */
export function farm(): Adapter {
  let base = '/';
  return {
    log: (line) => console.info(line),
    place: (context, built) =>
      eachFile(built, ({ name, bytes }) => {
        context.emitFile({ type: 'asset', fileName: name, source: bytes });
        return JSON.stringify(`${base}${name}`);
      }),
    hooks: {
      farm: {
        configResolved(config) {
          base = (config.compilation?.output?.publicPath ?? '/').replace(/\/?$/, '/');
        },
      },
    },
  };
}
