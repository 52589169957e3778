// Softmax and its logarithm: along one axis since version 13, over a flattened matrix before.

import { elementCount, type Node } from '@espalier/ir';
import { type Importer, type Importers, resolveAxis, type Site } from '../importer.ts';

type Along = (x: Node, axis: number) => Node;

const importer = (along: (site: Site) => Along): Importer => ({
  import: (site) => {
    const x = site.input(0);
    const { shape } = x.type;
    const flattens = site.opset < 13;
    const axis = resolveAxis(site, site.attributes.int('axis', flattens ? 1 : -1), shape.length);
    if (!flattens || axis === shape.length - 1) return along(site)(x, axis);
    const sides = [elementCount(shape.slice(0, axis)), elementCount(shape.slice(axis))];
    const matrix = site.b.reshape(x, { shape: sides });
    return site.b.reshape(along(site)(matrix, 1), { shape });
  },
});

/** Exponentials in proportion, by ONNX name. */
export const softmaxes: Importers = {
  LogSoftmax: importer(
    ({ b }) =>
      (x, axis) =>
        b.logSoftmax(x, { axis }),
  ),
  Softmax: importer(
    ({ b }) =>
      (x, axis) =>
        b.softmax(x, { axis }),
  ),
};
