// Modules of the user's own that a build reads: configurations, tasks, makers of inputs. TypeScript included.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createJiti } from 'jiti';
import { badModule } from './errors.ts';

/**
 * Loads a module, anew each time, and returns what it exports.
 *
 * @throws {EspalierError} BAD_MODULE
 */
export async function loadModule(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    // Node 20 reads no TypeScript by itself.
    const jiti = createJiti(import.meta.url, { moduleCache: false, fsCache: false });
    return await jiti.import<Readonly<Record<string, unknown>>>(path);
  } catch (cause) {
    throw badModule(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** The digest of a module's own text: what it imports in turn is not seen. */
export const moduleDigest = (path: string): string =>
  createHash('sha256').update(readFileSync(path)).digest('hex');
