// The directive `shape`: `1x3x224x224` of the only input, or `x:1x3x8x8,y:1x4` by name.

import { badDirective } from './errors.ts';

/** Shapes by input; the key `''` stands for the only input of a model. */
export type Shapes = Readonly<Record<string, readonly number[]>>;

const hint = 'write shape=1x3x224x224, or shape=x:1x3x8x8,y:1x4 for several inputs';
const largestExtent = 2 ** 31 - 1;

/** @throws {EspalierError} BAD_DIRECTIVE */
export function parseShapes(text: string): Shapes {
  const shapes = new Map<string, readonly number[]>();
  const parts = text.split(',');
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

/** The canonical text of shapes, sorted by input. */
export const showShapes = (shapes: Shapes): string =>
  Object.entries(shapes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, shape]) => (name ? `${name}:${shape.join('x')}` : shape.join('x')))
    .join(',');
