// Operators that combine the elements of several operands, which broadcast as numpy's do.

import { arg, call, literal, type Node, type Scalar, type ScalarName } from '@espalier/ir';
import type { Importer, Importers, Site } from '../importer.ts';
import { wrapped } from './cast.ts';

const binary = (fn: ScalarName): Importer => ({
  import: (site) => site.b.scalar(fn, site.input(0), site.input(1)),
});

/** A variadic operator as a left fold. */
const fold = (fn: ScalarName): Importer => ({
  element: (site) => site.element(0),
  import: (site) => combined(site, fn),
});

/** Arithmetic, which leaves the range of narrow integers and then wraps. */
const wrapping = ({ import: run }: Importer): Importer => ({
  element: (site) => site.element(0),
  import: (site) => {
    const result = run(site);
    return 'kind' in result && result.kind !== 'sequence' ? wrapped(site, result) : result;
  },
});

function combined(site: Site, fn: ScalarName): Node {
  const [first, ...rest] = site.inputs();
  if (first === undefined) throw site.bad('has no operands');
  return rest.reduce((left, right) => site.b.scalar(fn, left, right), first);
}

/** The lower bound first, so that the upper one wins where they cross. */
function clip(site: Site): Node {
  const x = site.input(0);
  const bound = (i: number, name: string): Node | undefined => {
    if (site.opset >= 11) {
      const given = site.optional(i);
      // Some exporters write bounds as [1].
      return given && given.type.shape.length > 0 ? site.b.reshape(given, { shape: [] }) : given;
    }
    return site.attributes.has(name) ? site.b.value(site.attributes.float(name)) : undefined;
  };
  const low = bound(1, 'min');
  const high = bound(2, 'max');
  const above = low === undefined ? x : site.b.scalar('max', x, low);
  return high === undefined ? above : site.b.scalar('min', above, high);
}

/** The result has the base's type, whatever the exponent's. */
function pow(site: Site): Node {
  const base = site.input(0);
  const exponent = site.input(1);
  const x = arg(0);
  const value = site.known(exponent);
  const power = value?.data.length === 1 && exponent.type.shape.length <= base.type.shape.length;
  // Layer norms and GELUs of old exporters: a product is exact where pow is two transcendentals.
  if (power && value.data[0] === 2) return site.b.map([base], { expr: call('mul', x, x) });
  if (power && value.data[0] === 3)
    return site.b.map([base], { expr: call('mul', call('mul', x, x), x) });
  const float = (node: Node, i: number): Scalar =>
    node.type.dtype === 'f32' ? arg(i) : call('toF32', arg(i));
  const result = call('pow', float(base, 0), float(exponent, 1));
  if (base.type.dtype === 'f32') return site.b.map([base, exponent], { expr: result });
  const whole = exponent.type.dtype === 'i32' ? call('round', result) : result;
  return site.b.map([base, exponent], { expr: call('toI32', whole) });
}

const slope = call('select', call('ge', arg(0), literal(0)), arg(0), call('mul', arg(0), arg(1)));

/** Elementwise operators of two and more operands, by ONNX name. */
export const combine: Importers = {
  Add: wrapping(binary('add')),
  And: binary('and'),
  Div: binary('div'),
  Equal: binary('eq'),
  Greater: binary('gt'),
  GreaterOrEqual: binary('ge'),
  Less: binary('lt'),
  LessOrEqual: binary('le'),
  Mul: wrapping(binary('mul')),
  Or: binary('or'),
  Sub: wrapping(binary('sub')),
  Xor: binary('xor'),

  Max: fold('max'),
  Min: fold('min'),
  Sum: wrapping(fold('add')),
  Mean: {
    import: (site) =>
      site.b.scalar('mul', combined(site, 'add'), site.b.value(1 / site.inputCount)),
  },

  Clip: { import: clip },
  Mod: {
    import: (site) =>
      site.b.scalar(
        site.attributes.int('fmod', 0) === 0 ? 'mod' : 'rem',
        site.input(0),
        site.input(1),
      ),
  },
  Pow: { import: pow },
  PRelu: {
    import: (site) => {
      const x = site.input(0);
      const factor = site.input(1);
      return x.type.dtype === 'f32'
        ? site.b.map([x, factor], { expr: slope })
        : site.b.scalar(
            'select',
            site.b.scalar('ge', x, site.b.value(0, 'i32')),
            x,
            site.b.scalar('mul', x, factor),
          );
    },
  },
  Where: {
    import: (site) => site.b.scalar('select', site.input(0), site.input(1), site.input(2)),
  },
};
