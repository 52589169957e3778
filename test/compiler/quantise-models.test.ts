// Trained networks in 8 bits decide as they do in floats.

import t from 'tap';
import { cifar10, topClass } from '../support/cifar10.ts';
import { start } from '../support/run-compiled.ts';
import { skipWithoutData } from '../support/shared-data.ts';

t.test(
  'ResNet-20 agrees with itself in floats on 98% of 500 pictures',
  skipWithoutData,
  async (t) => {
    const { graph, pictures } = cifar10();
    const floats = start(graph);
    const integers = start(graph, { precision: 'int8', samples: pictures.slice(0, 32) });
    const agreeing = pictures.filter(
      (picture) => topClass(floats.run(picture)) === topClass(integers.run(picture)),
    );
    const part = agreeing.length / pictures.length;
    t.ok(part >= 0.98, `on ${100 * part}%`);
    t.comment(`${100 * part}%`);
  },
);
