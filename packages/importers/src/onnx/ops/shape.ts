// Operators that give the same elements another shape, or repeat them.

import { elementCount, type Node, type Shape } from '@espalier/ir';
import {
  attributeOrInput,
  type Importers,
  resolveAxes,
  resolveAxis,
  type Site,
} from '../importer.ts';
import { checkDims } from '../tensors.ts';

/** −1 takes what is left; 0 copies the input's extent, unless `allowzero` says that it means 0. */
function reshape(site: Site): Node {
  const x = site.input(0);
  const wanted = site.requiredInts(1);
  const keepsZero = site.opset >= 14 && site.attributes.int('allowzero', 0) !== 0;
  const shape = wanted.map((dim, i) => {
    if (dim !== 0 || keepsZero) return dim;
    const copied = x.type.shape[i];
    if (copied === undefined) throw site.bad(`dimension ${i} copies one that the input lacks`);
    return copied;
  });
  const open = shape.indexOf(-1);
  if (open >= 0) {
    const rest = elementCount(shape.toSpliced(open, 1));
    const left = rest === 0 ? 0 : elementCount(x.type.shape) / rest;
    if (!Number.isInteger(left))
      throw site.bad(`[${x.type.shape.join(', ')}] does not reshape to [${wanted.join(', ')}]`);
    shape[open] = left;
  }
  return site.b.reshape(x, { shape: checkDims(shape.map(BigInt), 'the shape', site.at) });
}

function flatten(site: Site): Node {
  const x = site.input(0);
  const { shape } = x.type;
  const given = site.attributes.int('axis', 1);
  const axis = given < 0 ? given + shape.length : given;
  if (axis < 0 || axis > shape.length) throw site.bad(`axis ${given} of rank ${shape.length}`);
  const sides = [elementCount(shape.slice(0, axis)), elementCount(shape.slice(axis))];
  return site.b.reshape(x, { shape: sides });
}

function squeeze(site: Site): Node {
  const x = site.input(0);
  const { shape } = x.type;
  const given = attributeOrInput(site, 'axes', 1, 13);
  const axes =
    given === undefined
      ? shape.flatMap((dim, axis) => (dim === 1 ? [axis] : []))
      : resolveAxes(site, given, shape.length);
  const wide = axes.find((axis) => shape[axis] !== 1);
  if (wide !== undefined) throw site.bad(`axis ${wide} has extent ${shape[wide]}, not 1`);
  return site.b.reshape(x, { shape: shape.filter((_, axis) => !axes.includes(axis)) });
}

function unsqueeze(site: Site): Node {
  const x = site.input(0);
  const given = attributeOrInput(site, 'axes', 1, 13);
  if (given === undefined) throw site.bad('Unsqueeze without axes');
  const axes = resolveAxes(site, given, x.type.shape.length + given.length);
  const shape = [...x.type.shape];
  for (const axis of axes) shape.splice(axis, 0, 1);
  return site.b.reshape(x, { shape });
}

function transpose(site: Site): Node {
  const x = site.input(0);
  const rank = x.type.shape.length;
  const perm = site.attributes.ints('perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  if (perm.length !== rank || resolveAxes(site, perm, rank).length !== rank)
    throw site.bad(`permutation [${perm.join(', ')}] of a rank ${rank} tensor`);
  return site.b.transpose(x, { perm: perm.map((axis) => resolveAxis(site, axis, rank)) });
}

/** Broadcasts both ways, unlike numpy's `broadcast_to`. */
function expand(site: Site): Node {
  const x = site.input(0);
  const wanted = checkDims(site.requiredInts(1).map(BigInt), 'the shape', site.at);
  const shape = broadcast(site, x.type.shape, wanted);
  return site.b.expand(x, { shape: checkDims(shape.map(BigInt), 'the result', site.at) });
}

function broadcast(site: Site, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const [left, right] = [a, b].map((shape) => shape[axis - rank + shape.length] ?? 1);
    if (left !== right && left !== 1 && right !== 1)
      throw site.bad(`[${a.join(', ')}] does not broadcast to [${b.join(', ')}]`);
    return left === 1 ? right! : left!;
  });
}

/** `[d0, d1]` -> `[1, d0, 1, d1]` -> `[r0, d0, r1, d1]` -> `[r0·d0, r1·d1]`. */
function tile(site: Site): Node {
  const x = site.input(0);
  const { shape } = x.type;
  const repeats = site.requiredInts(1);
  if (repeats.length !== shape.length)
    throw site.bad(`${repeats.length} repeats of a rank ${shape.length} tensor`);
  checkDims(repeats.map(BigInt), 'repeats', site.at);
  const tiled = shape.map((dim, axis) => dim * repeats[axis]!);
  checkDims(tiled.map(BigInt), 'the result', site.at);
  const split = site.b.reshape(x, { shape: shape.flatMap((dim) => [1, dim]) });
  const repeated = site.b.expand(split, {
    shape: shape.flatMap((dim, axis) => [repeats[axis]!, dim]),
  });
  return site.b.reshape(repeated, { shape: tiled });
}

/** Operators on shapes, by ONNX name. */
export const shapes: Importers = {
  Expand: { moves: true, import: expand },
  Flatten: { moves: true, import: flatten },
  Reshape: { moves: true, import: reshape },
  Squeeze: { moves: true, import: squeeze },
  Tile: { moves: true, import: tile },
  Transpose: { moves: true, import: transpose },
  Unsqueeze: { moves: true, import: unsqueeze },
  DepthToSpace: {
    import: (site) => {
      const mode = site.attributes.string('mode', 'DCR');
      if (mode !== 'DCR' && mode !== 'CRD') throw site.bad(`DepthToSpace mode ${mode}`);
      return site.b.depthToSpace(site.input(0), { block: blockOf(site), mode });
    },
  },
  SpaceToDepth: {
    import: (site) => site.b.spaceToDepth(site.input(0), { block: blockOf(site) }),
  },
};

function blockOf(site: Site): number {
  const block = site.attributes.int('blocksize');
  if (block < 1) throw site.bad(`blocksize ${block}`);
  return block;
}
