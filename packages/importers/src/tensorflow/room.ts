// What every importer of a model in TensorFlow's terms sees.

import {
  type Builder,
  type EspalierError,
  elementCount,
  evaluateConstant,
  type Location,
  type Node,
  type Tensor,
  type TensorType,
} from '@espalier/ir';
import { badModel, modelTooLarge, notConstant, unsupportedUse } from '../errors.ts';
import { createKnown, type Known } from '../onnx/known.ts';

/** One place of a model: where nodes are made, and where complaints point. */
export interface Room {
  /** Makes nodes that carry the place's name. */
  readonly b: Builder;
  readonly at: Location;
  /** The value of a node that depends on no input. @throws {EspalierError} MODEL_TOO_LARGE */
  known(node: Node): Tensor | undefined;
  /** Guards what is about to be allocated. @throws {EspalierError} MODEL_TOO_LARGE */
  claim(count: number, what: string): number;
  /** The model breaks the format's rules. */
  bad(message: string): EspalierError;
  /** Something has to be known at import and is not. */
  dynamic(message: string): EspalierError;
  /** The format allows what has no importer. */
  unsupported(message: string): EspalierError;
}

/** What the rooms of one model have in common. */
export interface House {
  readonly b: Builder;
  readonly finder: Known;
  room(name: string): Room;
}

/** The most elements that the importers of one model may make up: 256 MiB of tables and zeros. */
const mostMade = 2 ** 26;

/** Opens the rooms of one model. */
export function openHouse(b: Builder, file: string): House {
  const finder = createKnown({ file });
  let left = mostMade;
  return {
    b,
    finder,
    room(node) {
      const at = { file, node };
      return {
        b: b.named(node),
        at,
        known: (value) => finder.value(value),
        claim(count, what) {
          left -= count;
          if (!(left >= 0)) throw modelTooLarge(`${what} of ${count} elements is too much`, at);
          return count;
        },
        bad: (message) => badModel(message, at),
        dynamic: (message) => notConstant(message, at),
        unsupported: (message) => unsupportedUse(message, at),
      };
    },
  };
}

/** A constant whose elements all are one number. */
export function filled(room: Room, type: TensorType, value: number): Node {
  return room.b.expand(room.b.value(value, type.dtype), { shape: type.shape });
}

/** A constant list of zeros. */
export function zeros({ b, claim }: Room, count: number): Node {
  const data = new Float32Array(claim(count, 'a list of zeros'));
  return b.constant({ type: { dtype: 'f32', shape: [count] }, data }, 'zeros');
}

/** A constant i32 list. */
export const integers = ({ b }: Room, values: readonly number[]): Node =>
  b.constant({ type: { dtype: 'i32', shape: [values.length] }, data: Int32Array.from(values) });

/** `node` with its axes in another order; a constant's at once, so that weights stay constants. */
export function transposed({ b }: Room, node: Node, perm: readonly number[]): Node {
  return evaluated(b, b.transpose(node, { perm }), node);
}

/** `node` in another shape; a constant's at once. */
export function reshaped({ b }: Room, node: Node, shape: readonly number[]): Node {
  return evaluated(b, b.reshape(node, { shape }), node);
}

function evaluated(b: Builder, moved: Node, node: Node): Node {
  const value = node.kind === 'constant' ? evaluateConstant(moved) : undefined;
  return value === undefined ? moved : b.constant(value, node.name);
}

/** A non-negative axis. @throws {EspalierError} BAD_MODEL, if it is out of range */
export function resolveAxis(room: Room, axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (resolved < 0 || resolved >= rank) throw room.bad(`axis ${axis} of a rank ${rank} tensor`);
  return resolved;
}

/** Non-negative axes in ascending order, each once. */
export const resolveAxes = (room: Room, axes: readonly number[], rank: number): number[] =>
  [...new Set(axes.map((axis) => resolveAxis(room, axis, rank)))].sort((a, b) => a - b);

/** A shape with at most one −1, closed so that `count` elements fit. */
export function closeShape(room: Room, shape: readonly number[], count: number): number[] {
  const rest = elementCount(shape.filter((extent) => extent >= 0));
  const open = shape.filter((extent) => extent < 0).length;
  const own = rest === 0 ? 0 : count / rest;
  if (open > 1 || (open === 1 && !Number.isInteger(own)))
    throw room.bad(`${count} elements do not fit the shape [${shape.join(', ')}]`);
  return shape.map((extent) => (extent < 0 ? own : extent));
}

/** Part of a tensor along one axis. */
export function sliceAxis(room: Room, x: Node, axis: number, start: number, size: number): Node {
  const { shape } = x.type;
  if (start === 0 && size === shape[axis]) return x;
  if (start < 0 || size < 0 || start + size > (shape[axis] ?? 0))
    throw room.bad(`${size} elements from ${start} of axis ${axis}, which has ${shape[axis]}`);
  const at = (own: number, other: (extent: number) => number) =>
    shape.map((extent, i) => (i === axis ? own : other(extent)));
  return room.b.slice(x, {
    starts: at(start, () => 0),
    sizes: at(size, (extent) => extent),
    steps: shape.map(() => 1),
  });
}
