// Loop nests over several views at once: one pointer a view, moved by constant steps.

import type { Shape } from '@espalier/ir';
import type { Assembler, Expr, Local } from './assembler.ts';

/** One loop: how often, and how many bytes each pointer moves a round. */
export interface Loop {
  readonly extent: number;
  readonly steps: readonly number[];
}

/**
 * The loops over a shape, outermost first: axes in the memory order of the first view, those of one
 * element left out, and neighbours that every view walks on without a jump merged.
 *
 * @param strides One list a view, in elements.
 * @param bytes Bytes of an element of each view; by default 4.
 */
export function loopsOf(
  shape: Shape,
  strides: readonly (readonly number[])[],
  bytes: readonly number[] = strides.map(() => 4),
): Loop[] {
  const first = strides[0]!;
  const axes = shape
    .map((_, axis) => axis)
    .filter((axis) => shape[axis] !== 1)
    .sort((a, b) => Math.abs(first[b]!) - Math.abs(first[a]!) || a - b);
  const loops: Loop[] = [];
  for (const axis of axes) {
    const own = { extent: shape[axis]!, steps: strides.map((view, i) => bytes[i]! * view[axis]!) };
    const outer = loops.at(-1);
    const runsOn = outer?.steps.every((step, view) => step === own.steps[view]! * own.extent);
    if (outer && runsOn)
      loops[loops.length - 1] = { extent: outer.extent * own.extent, steps: own.steps };
    else loops.push(own);
  }
  return loops;
}

/** The same loops with the innermost one outside, where it would not fill a vector. */
export function shortOutside(loops: readonly Loop[]): readonly Loop[] {
  const inner = loops.at(-1);
  return inner && inner.extent < 4 ? [inner, ...loops.slice(0, -1)] : loops;
}

/**
 * Statement: runs the body for every element of the loops, the pointers at its element. The body leaves
 * the pointers as they are; afterwards they are where `rewind` says: moved on past the outermost loop.
 */
export function nest(
  asm: Assembler,
  loops: readonly Loop[],
  pointers: readonly Local[],
  body: Expr,
): Expr {
  const [outer, ...inner] = loops;
  if (!outer) return body;
  const next = inner[0];
  // The inner loops have moved the pointers already.
  const advance = pointers.map((pointer, view) =>
    pointer.advance(outer.steps[view]! - (next ? next.steps[view]! * next.extent : 0)),
  );
  return asm.range(
    asm.i32Local(),
    0,
    outer.extent,
    1,
    asm.seq(nest(asm, inner, pointers, body), ...advance),
  );
}

/** Value: four elements `step` bytes apart; 4 is a vector in memory, 0 one element repeated. */
export function loadFour(
  asm: Assembler,
  pointer: Expr,
  step: number,
  lanes = 4,
  byteOffset = 0,
): Expr {
  const first = addressOf(asm, pointer, byteOffset);
  if (step === 4) return asm.load('v128.load', ...first);
  if (step === 0) return asm.load('v128.load32_splat', ...first);
  const places = Array.from({ length: lanes }, (_, lane) => byteOffset + step * lane);
  return loadPlaces(asm, pointer, places);
}

/** Statement: stores the first `lanes` lanes, `step` bytes apart. */
export const storeLanes = (
  asm: Assembler,
  pointer: Expr,
  value: Local,
  lanes: number,
  step = 4,
  byteOffset = 0,
): Expr => {
  const places = Array.from({ length: lanes }, (_, lane) => byteOffset + step * lane);
  return storePlaces(asm, pointer, value, places);
};

/** Value: as many lanes as there are places, in bytes from a pointer; neighbours are loaded together. */
export function loadPlaces(asm: Assembler, pointer: Expr, places: readonly number[]): Expr {
  let vector: Expr | undefined;
  for (const { lane, lanes, bytes } of runsOf(places)) {
    const [address, offset] = addressOf(asm, pointer, bytes);
    if (lanes === 4) return asm.load('v128.load', address, offset);
    if (vector)
      vector =
        lanes === 2
          ? asm.loadLane('v128.load64_lane', address, vector, lane / 2, offset)
          : asm.loadLane('v128.load32_lane', address, vector, lane, offset);
    else vector = asm.load(lanes === 2 ? 'v128.load64_zero' : 'v128.load32_zero', address, offset);
  }
  return vector ?? asm.i32x4(0);
}

/** Statement: stores as many lanes as there are places, in bytes from a pointer; neighbours together. */
export const storePlaces = (
  asm: Assembler,
  pointer: Expr,
  value: Local,
  places: readonly number[],
): Expr =>
  asm.seq(
    ...runsOf(places).map(({ lane, lanes, bytes }) => {
      const [address, offset] = addressOf(asm, pointer, bytes);
      if (lanes === 4) return asm.store('v128.store', address, value.get, offset);
      return lanes === 2
        ? asm.storeLane('v128.store64_lane', address, value.get, lane / 2, offset)
        : asm.storeLane('v128.store32_lane', address, value.get, lane, offset);
    }),
  );

/** Lanes of a vector that lie next to each other in memory: as many as one instruction moves. */
interface Run {
  readonly lane: number;
  readonly lanes: 1 | 2 | 4;
  readonly bytes: number;
}

function runsOf(places: readonly number[]): Run[] {
  const runs: Run[] = [];
  for (let lane = 0; lane < places.length; ) {
    const bytes = places[lane]!;
    const runsOn = (lanes: number) =>
      lane % lanes === 0 &&
      Array.from({ length: lanes }, (_, i) => i).every((i) => places[lane + i] === bytes + 4 * i);
    const lanes = runsOn(4) ? 4 : runsOn(2) ? 2 : 1;
    runs.push({ lane, lanes, bytes });
    lane += lanes;
  }
  return runs;
}

/** Address and offset of a place: offsets of memory instructions are unsigned. */
export const addressOf = (asm: Assembler, pointer: Expr, bytes: number): [Expr, number] =>
  bytes >= 0 ? [pointer, bytes] : [asm.op('i32.add', pointer, asm.i32(bytes)), 0];

/** Value: lanes folded into all lanes. */
export function foldLanes(asm: Assembler, value: Local, combine: (a: Expr, b: Expr) => Expr): Expr {
  const swapped = asm.shuffle32(value.get, value.get, [2, 3, 0, 1]);
  const crossed = asm.shuffle32(value.get, value.get, [1, 0, 3, 2]);
  return asm.seq(value.set(combine(value.get, swapped)), combine(value.get, crossed));
}
