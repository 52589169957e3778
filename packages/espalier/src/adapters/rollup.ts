// Rollup and Rolldown: they emit the file and know its URL from wherever the code ends up.

import type { EmittedAsset } from 'rollup';
import { type Adapter, eachFile } from './adapter.ts';

/** What the two have in their plugin context, beyond what unplugin promises. */
export interface EmittingContext {
  emitFile(file: EmittedAsset): string;
  info(message: string): void;
}

/** Emits through the bundler, each file once a build: it warns of a second time, even if bytes are equal. */
export function rollup(): Adapter {
  const references = new Map<string, string>();
  return {
    // For these frameworks unplugin hands the bundler's own context through.
    log: (line, context) => (context as unknown as EmittingContext).info(line),
    place: (context, built) =>
      eachFile(built, ({ name, bytes }) => {
        const { emitFile } = context as unknown as EmittingContext;
        const file = { type: 'asset', fileName: `assets/${name}`, source: bytes } as const;
        const reference = references.get(name) ?? emitFile.call(context, file);
        references.set(name, reference);
        return `import.meta.ROLLUP_FILE_URL_${reference}`;
      }),
    hooks: {
      buildStart: () => references.clear(),
    },
  };
}
