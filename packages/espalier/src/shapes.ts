// The directive `shape`: `1x3x224x224` of the only input, or `x:1x3x8x8,y:1x4` by name; several by semicolons.

import { badDirective } from './errors.ts';

/** Shapes by input; the key `''` stands for the only input of a model. */
export type Shapes = Readonly<Record<string, readonly number[]>>;

const hint =
  'write shape=1x3x224x224, or shape=x:1x3x8x8,y:1x4 for several inputs; shape=1x3x64x64;1x3x128x128 makes two programs';
const largestExtent = 2 ** 31 - 1;

/**
 * Each of the shapes that programs are made for.
 *
 * @throws {EspalierError} BAD_DIRECTIVE
 */
export function parseShapes(text: string): readonly Shapes[] {
  const all = text.split(';').map((one) => parseOne(one, text));
  if (new Set(all.map(showOne)).size < all.length)
    throw badDirective('shape', text, 'a shape is given twice');
  return all;
}

function parseOne(one: string, text: string): Shapes {
  const shapes = new Map<string, readonly number[]>();
  const parts = one.split(',');
  for (const part of parts) {
    // Names may hold colons (`input:0`), extents do not.
    const colon = part.lastIndexOf(':');
    const name = part.slice(0, Math.max(0, colon));
    const extents = part.slice(colon + 1);
    const shape = extents.split('x').map(Number);
    if (!/^\d+(x\d+)*$/.test(extents) || shape.some((n) => n < 1 || n > largestExtent))
      throw badDirective('shape', text, hint);
    if (shapes.has(name) || (name === '' && parts.length > 1))
      throw badDirective('shape', text, hint);
    shapes.set(name, shape);
  }
  return Object.fromEntries(shapes);
}

/** The canonical text of shapes: their order says which program is first, inputs are sorted. */
export const showShapes = (all: readonly Shapes[]): string => all.map(showOne).join(';');

const showOne = (shapes: Shapes): string =>
  Object.entries(shapes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, shape]) => (name ? `${name}:${shape.join('x')}` : shape.join('x')))
    .join(',');

/**
 * The same directives with the only shape that they give.
 *
 * @throws {EspalierError} BAD_DIRECTIVE, where they give several
 */
export function onlyShape<T extends { readonly shape: readonly Shapes[] }>(
  given: T,
): Omit<T, 'shape'> & { readonly shape: Shapes } {
  const [first = {}, ...others] = given.shape;
  if (others.length > 0)
    throw badDirective(
      'shape',
      showShapes(given.shape),
      'only builds without a search take several shapes',
    );
  return { ...given, shape: first };
}
