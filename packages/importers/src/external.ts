// Files beside a model: read from the model's own folder and nowhere else.

import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { badExternalData, modelTooLarge } from './errors.ts';

/** Reads `length` bytes, or all that is left, from `offset` of the file at `location`, a relative path. */
export type ExternalReader = (location: string, offset: number, length?: number) => Uint8Array;

/** The most that is read of a file whose length the model does not say. */
const mostBytes = 2 ** 30;

/**
 * Reads files in `folder`, links followed; nothing outside of it.
 *
 * @throws {EspalierError} BAD_EXTERNAL_DATA, MODEL_TOO_LARGE
 */
export function externalDataIn(folder: string, file: string): ExternalReader {
  return (location, offset, wanted) => {
    const refuse = (why: string, cause?: unknown) =>
      badExternalData(`external data ${JSON.stringify(location)} ${why}`, { file }, cause);
    let path: string;
    try {
      path = realpathSync(resolve(folder, location));
    } catch (cause) {
      throw refuse('does not exist', cause);
    }
    const inside = relative(realpathSync(folder), path);
    if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside))
      throw refuse("is outside of the model's folder");
    const status = statSync(path);
    // Asked before it is opened: a pipe would block.
    if (!status.isFile()) throw refuse('is not a file');
    const length = wanted ?? Math.max(0, status.size - offset);
    if (wanted === undefined && length > mostBytes)
      throw modelTooLarge(`external data ${JSON.stringify(location)} has ${length} bytes`, {
        file,
      });
    if (offset + length > status.size)
      throw refuse(`has ${status.size} bytes; the model wants ${length} from ${offset}`);
    const handle = openSync(path, 'r');
    try {
      const data = new Uint8Array(length);
      let read = 0;
      while (read < length) {
        const got = readSync(handle, data, read, length - read, offset + read);
        if (got === 0) throw refuse('ended while it was read');
        read += got;
      }
      return data;
    } finally {
      closeSync(handle);
    }
  };
}

/** Whether a path stays below its start on every system: no root, drive, backslash or `..`. */
export const staysInside = (location: string): boolean =>
  location !== '' &&
  !location.startsWith('/') &&
  !/[\\:\0]/.test(location) &&
  !location.split('/').includes('..');
