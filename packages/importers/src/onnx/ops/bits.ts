// Bits of integers, as far as arithmetic has them.

import { arg, call, literal, type Node } from '@espalier/ir';
import { elementTypes } from '../element-types.ts';
import type { Importers, Site } from '../importer.ts';
import { wrapped } from './cast.ts';

/** By powers of two: a shift by more than the width gives 0. */
function shift(site: Site): Node {
  const { b } = site;
  const direction = site.attributes.string('direction');
  if (direction !== 'LEFT' && direction !== 'RIGHT') throw site.bad(`direction ${direction}`);
  const element = elementTypes.get(site.element(0) ?? 0);
  if (element?.range === undefined) throw site.unsupported(`bits of ${element?.name ?? 'this'}`);
  const [x, by] = [site.input(0), site.input(1)];
  const data = Int32Array.from({ length: 31 }, (_, i) => 2 ** i);
  const table = b.constant({ type: { dtype: 'i32', shape: [data.length] }, data });
  const power = b.gather(table, by, { axis: 0 });
  const whole = (n: number) => literal(n, 'i32');
  const moved = call(direction === 'LEFT' ? 'mul' : 'div', arg(0), arg(1));
  const within = call('lt', arg(2), whole(element.bits));
  const y = b.map([x, power, by], { expr: call('select', within, moved, whole(0)) });
  return wrapped(site, y);
}

/** Bits, by ONNX name; those of two operands have no arithmetic. */
export const bits: Importers = {
  BitShift: {
    note: 'of 8 and 16 bits',
    element: (site) => site.element(0),
    import: shift,
  },
  BitwiseNot: {
    element: (site) => site.element(0),
    import: (site) => {
      const { name = '', range } = elementTypes.get(site.element(0) ?? 0) ?? {};
      if (range === undefined && name.startsWith('uint')) throw site.unsupported(`bits of ${name}`);
      const expr = call('sub', literal(-1, 'i32'), arg(0));
      return wrapped(site, site.b.map([site.input(0)], { expr }));
    },
  },
};
