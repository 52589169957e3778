// Rollup and Rolldown: they emit the file and know its URL from wherever the code ends up.

import type { EmittedAsset } from 'rollup';
import { type Adapter, eachFile } from './adapter.ts';

/** What the two have in their plugin context, beyond what unplugin promises. */
export interface EmittingContext {
  emitFile(file: EmittedAsset): string;
}

/** Emits through the bundler, and logs through the console as their own command lines do. */
export const rollup = (): Adapter => ({
  log: (line) => console.info(line),
  place: (context, built) =>
    eachFile(built, ({ name, bytes }) => {
      // For these frameworks unplugin hands the bundler's own context through.
      const { emitFile } = context as unknown as EmittingContext;
      const file = { type: 'asset', fileName: `assets/${name}`, source: bytes } as const;
      return `import.meta.ROLLUP_FILE_URL_${emitFile.call(context, file)}`;
    }),
});
