// A network that carries its state from frame to frame: compiled, against the stored outputs of a whole recording.

import t from 'tap';
import { skipWithoutData } from '../support/shared-data.ts';
import { sileroErrors, sileroGraph } from '../support/silero.ts';

t.test('silero hears speech in every frame of a recording', skipWithoutData, async (t) => {
  const graph = sileroGraph();
  t.same(
    graph.inputs.map(({ name }) => name),
    ['input', 'state'],
    'the rate is a constant, the state an input',
  );
  for (const [what, error] of Object.entries(sileroErrors(graph)))
    t.ok(error <= 1e-4, `${what}: off by ${error}, allowed 1e-4`);
});
