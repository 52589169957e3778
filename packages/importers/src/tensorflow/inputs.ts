// What the caller feeds: a model's inputs with every extent closed.

import { type DType, type EspalierError, elementCount, type Location } from '@espalier/ir';
import { badInputShape, badModel, modelTooLarge, openShape } from '../errors.ts';
import { maxElements } from '../onnx/tensors.ts';

/** An input as the model declares it. */
export interface DeclaredInput {
  readonly name: string;
  readonly dtype: DType;
  /** `undefined` for an extent that it leaves open, or altogether for a rank. */
  readonly dims: readonly (number | undefined)[] | undefined;
  /** What it says besides, which stands where the caller gives no shape. */
  readonly usual?: readonly (number | undefined)[] | undefined;
}

/**
 * The shape of each input: the model's, the caller's, or 1 where only the batch is open.
 *
 * @throws {EspalierError} BAD_MODEL, OPEN_SHAPE, BAD_INPUT_SHAPE, MODEL_TOO_LARGE
 */
export function closeInputs(
  declared: readonly DeclaredInput[],
  shapes: Readonly<Record<string, readonly number[]>>,
  at: Location,
): Map<string, readonly number[]> {
  const closed = new Map<string, readonly number[]>();
  const open: DeclaredInput[] = [];
  for (const input of declared) {
    const { name } = input;
    const given = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
    const dims = closedBy(input);
    if (closed.has(name)) throw badModel(`two inputs are named ${name}`, at);
    if (given === undefined && (dims === undefined || dims.slice(1).includes(undefined)))
      open.push(input);
    const shape = given === undefined ? dims?.map((dim) => dim ?? 1) : fit(input, given, at);
    const size = elementCount(shape ?? []);
    if (size > maxElements) throw modelTooLarge(`input ${name} has ${size} elements`, at);
    closed.set(name, shape ?? []);
  }
  for (const name of Object.keys(shapes)) if (!closed.has(name)) throw noInput(name, closed, at);
  if (open.length === 0) return closed;
  const suggest = ({ dims }: DeclaredInput) =>
    (dims ?? [1, 224, 224, 3]).map((dim, i) => dim ?? (i === 0 ? 1 : 224)).join('x');
  throw openShape(
    open.map((input) => `  ${input.name}[${shown(input)}]`),
    open.map((input) => `${input.name}:${suggest(input)}`).join(','),
    at,
  );
}

/** What the model declares; its usual extents where they are open. */
const closedBy = ({ dims, usual }: DeclaredInput) =>
  dims === undefined || (usual !== undefined && usual.length !== dims.length)
    ? (dims ?? usual)
    : dims.map((dim, axis) => dim ?? usual?.[axis]);

const shown = ({ dims }: DeclaredInput): string =>
  dims === undefined ? '…' : dims.map((dim) => dim ?? '?').join(', ');

/** The caller's shape, where it agrees with what the model fixes. */
function fit(input: DeclaredInput, given: readonly number[], at: Location): readonly number[] {
  const { name, dims } = input;
  const whole = given.every((extent) => Number.isInteger(extent) && extent >= 0);
  const fits =
    dims === undefined ||
    (dims.length === given.length &&
      dims.every((dim, axis) => dim === undefined || dim === given[axis]));
  if (whole && fits) return given;
  const hint = `${name} is [${shown(input)}]`;
  throw badInputShape(`shape ${given.join('x')} does not fit input ${name}`, at, hint);
}

/** The caller names an input that the model lacks. */
export const noInput = (
  name: string,
  inputs: ReadonlyMap<string, unknown>,
  at: Location,
): EspalierError =>
  badInputShape(
    `the model has no input ${name}`,
    at,
    `its inputs are ${[...inputs.keys()].join(', ') || 'none'}`,
  );
