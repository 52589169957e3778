// The failures of this package, one maker a code.

import { EspalierError } from '@espalier/ir';

/** A device profile is not of the form that is read here. */
export const badProfile = (at: string, message: string, cause?: unknown): EspalierError =>
  new EspalierError('BAD_PROFILE', `${at} ${message}`, {
    hint: 'write the profile anew with `espalier calibrate`',
    cause,
  });
