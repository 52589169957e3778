// What happens to the results of every operator, and to its failures.

import { EspalierError, elementCount, type Location, type Node } from '@espalier/ir';
import { modelTooLarge } from '../errors.ts';
import { maxElements } from '../onnx/tensors.ts';
import type { House } from './room.ts';

/** Constants of at most this many elements are computed at once, so that shapes are at hand. */
const smallElements = 1024;

/** Checked for size; a small constant's value in place of its computation. @throws {EspalierError} MODEL_TOO_LARGE */
export function settled(node: Node, { b, finder }: House, at: Location): Node {
  const size = elementCount(node.type.shape);
  if (size > maxElements) throw modelTooLarge(`a result has ${size} elements`, at);
  if (node.kind !== 'op' || size > smallElements) return node;
  const value = finder.cheapValue(node);
  return value === undefined ? node : b.constant(value, node.name);
}

/** What the graph itself refuses gets its place in the model. */
export function located(error: unknown, what: string, at: Location): unknown {
  if (error instanceof EspalierError && error.at === undefined) {
    const { code, message, hint } = error;
    return new EspalierError(code, message, { at, cause: error, ...(hint && { hint }) });
  }
  if (error instanceof RangeError)
    return modelTooLarge(`${what} asks for too much: ${error.message}`, at, error);
  return error;
}
