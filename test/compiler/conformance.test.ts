// ONNX's own conformance cases through the importer and the compiled code.

import t from 'tap';
import { conforms } from '../support/conformance.ts';
import { start } from '../support/run-compiled.ts';
import { skipWithoutData } from '../support/shared-data.ts';

t.test('compiled conformance cases give what ONNX says', skipWithoutData, async (t) => {
  conforms(t, (graph, inputs) => start(graph).run(inputs));
});
