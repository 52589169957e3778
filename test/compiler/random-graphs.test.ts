// Every combination of layers, maps and movers that a seed comes up with, against the interpreter.

import { evaluate } from '@espalier/ir';
import t from 'tap';
import { worstError } from '../support/agrees.ts';
import { randomGraph } from '../support/random-graph.ts';
import { start } from '../support/run-compiled.ts';

t.test('random graphs give what the interpreter gives, twice', async (t) => {
  for (let seed = 1; seed <= 300; seed++) {
    const { graph, inputs } = randomGraph(seed, 20);
    const expected = evaluate(graph, inputs);
    const running = start(graph);
    for (const round of ['first', 'second']) {
      // Memory that the first round has used is not as clean as it was.
      const actual = running.run(inputs);
      const errors = Object.keys(expected).map((name) =>
        worstError(actual[name]!, expected[name]!),
      );
      const worst = Math.max(...errors);
      t.ok(worst <= 2e-5, `seed ${seed}, ${round} run: off by ${worst} of the largest`);
    }
  }
});
