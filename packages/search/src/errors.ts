// Everything that can be wrong with a wish to fit a network to a device.

import { EspalierError } from '@espalier/ir';

/** UNREACHABLE: a wish that no plan of the search space meets. */
export const unreachable = (wish: string, best: string): EspalierError =>
  new EspalierError('UNREACHABLE', `${wish} is out of reach; the best is ${best}`, {
    hint: 'ask for less, or allow a larger drop',
  });

/** TOO_FEW_INPUTS: calibration inputs that cannot be split into two halves. */
export const tooFewInputs = (count: number): EspalierError =>
  new EspalierError('TOO_FEW_INPUTS', `${count} calibration inputs`, {
    hint: 'give at least 2; 64 or more make a good plan',
  });

/** BAD_CALIBRATION: a calibration input that does not fit the network. */
export const badInput = (name: string, why: string): EspalierError =>
  new EspalierError('BAD_CALIBRATION', `calibration input ${name}: ${why}`, {
    hint: 'calibration inputs have the types and shapes of the network’s own',
  });
