// ONNX's own conformance cases through the importer and the reference interpreter.

import { evaluate } from '@espalier/ir';
import t from 'tap';
import { conforms } from '../support/conformance.ts';
import { skipWithoutData } from '../support/shared-data.ts';

t.test('conformance cases give what ONNX says', skipWithoutData, async (t) => {
  conforms(t, evaluate);
});
