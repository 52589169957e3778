// Everything that can be wrong with what is to be pruned.

import { EspalierError } from '@espalier/ir';

/** BAD_SPARSITY: a share that is none, or that a scheme cannot have. */
export const badSparsity = (sparsity: number, why: string): EspalierError =>
  new EspalierError('BAD_SPARSITY', `sparsity ${sparsity} ${why}`, {
    hint: 'it is the fraction of weights that go: at least 0, below 1',
  });

/** BAD_SCHEME: a scheme for weights that it is not for, or with sizes that it cannot have. */
export const badScheme = (scheme: string, why: string): EspalierError =>
  new EspalierError('BAD_SCHEME', `scheme ${scheme}: ${why}`, {
    hint: 'docs/schemes.md lists the layers that each scheme is for',
  });
