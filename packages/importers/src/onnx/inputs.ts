// What the caller feeds: the model's inputs with every dimension closed.

import type { EspalierError, Location, TensorType } from '@espalier/ir';
import { badInputShape, badModel, openShape, unsupportedType } from '../errors.ts';
import { elementTypes } from './element-types.ts';
import type { GraphProto, ValueInfoProto } from './proto/onnx_pb.ts';
import { checkDims } from './tensors.ts';

/** An input as the model declares it; `undefined` for a dimension that it leaves open. */
interface Declared {
  readonly name: string;
  readonly type: Omit<TensorType, 'shape'>;
  readonly dims: readonly (number | undefined)[];
  /** The dimensions as the model writes them: `N` or `?` where open. */
  readonly shown: readonly string[];
}

/** An input with a full type. */
export interface ClosedInput {
  readonly name: string;
  readonly type: TensorType;
}

/**
 * The graph's inputs, those with a default in an initializer left out. Open dimensions come from
 * `shapes`; where only the first is open, it is the batch and becomes 1.
 *
 * @throws {EspalierError} OPEN_SHAPE, BAD_INPUT_SHAPE, UNSUPPORTED_TYPE
 */
export function closeInputs(
  graph: GraphProto,
  shapes: Readonly<Record<string, readonly number[]>>,
  at: Location,
): ClosedInput[] {
  const defaults = new Set(graph.initializer.map(({ name }) => name));
  const declared = graph.input
    .filter(({ name }) => !defaults.has(name))
    .map((input) => declare(input, at));
  for (const name of Object.keys(shapes))
    if (!declared.some((input) => input.name === name)) throw noInput(name, graph, at);
  const open: Declared[] = [];
  const closed = declared.map((input): ClosedInput => {
    const { name, type, dims } = input;
    const given = shapes[name];
    if (given !== undefined) return { name, type: { ...type, shape: fit(input, given, at) } };
    const [first, ...rest] = dims;
    if (rest.includes(undefined)) open.push(input);
    const shape = dims.length === 0 ? [] : [first ?? 1, ...rest.map((dim) => dim ?? 1)];
    return { name, type: { ...type, shape } };
  });
  if (open.length > 0) {
    const list = open.map(({ name, shown }) => `  ${name}[${shown.join(', ')}]`);
    const example = open.map(({ name, dims }) => `${name}:${suggest(dims).join('x')}`).join(',');
    throw openShape(list, example, at);
  }
  return closed;
}

/** The caller names an input that the model lacks. */
export function noInput(name: string, graph: GraphProto, at: Location): EspalierError {
  const defaults = new Set(graph.initializer.map((tensor) => tensor.name));
  const names = graph.input.map((input) => input.name).filter((input) => !defaults.has(input));
  const hint = `its inputs are ${names.join(', ') || 'none'}`;
  return badInputShape(`the model has no input ${name}`, at, hint);
}

function declare({ name, type }: ValueInfoProto, at: Location): Declared {
  if (type?.value.case !== 'tensorType')
    throw unsupportedType(`input ${name} is a ${type?.value.case ?? 'value of no type'}`, at);
  const { elemType, shape } = type.value.value;
  const element = elementTypes.get(elemType);
  if (element?.dtype === undefined)
    throw unsupportedType(`input ${name} holds ${element?.name ?? `type ${elemType}`}`, at);
  if (shape === undefined) throw badModel(`input ${name} does not say its rank`, at);
  const fixed = shape.dim.flatMap(({ value }) => (value.case === 'dimValue' ? [value.value] : []));
  // Some exporters write an open dimension as 0 or -1.
  checkDims(
    fixed.filter((dim) => dim > 0n),
    `input ${name}`,
    at,
  );
  const dims = shape.dim.map(({ value }) =>
    value.case === 'dimValue' && value.value >= 0n ? Number(value.value) : undefined,
  );
  const shown = shape.dim.map(({ value }, i) =>
    value.case === 'dimParam' ? value.value || '?' : `${dims[i] ?? '?'}`,
  );
  return { name, type: { dtype: element.dtype }, dims, shown };
}

/** The caller's shape, where it agrees with what the model fixes. */
function fit({ name, dims, shown }: Declared, given: readonly number[], at: Location): number[] {
  const hint = `${name} is [${shown.join(', ')}]`;
  if (given.length !== dims.length || given.some((dim) => !Number.isInteger(dim) || dim < 0))
    throw badInputShape(`shape ${given.join('x')} does not fit input ${name}`, at, hint);
  const clash = dims.findIndex((dim, i) => dim !== undefined && dim !== given[i]);
  if (clash >= 0)
    throw badInputShape(
      `shape ${given.join('x')} changes dimension ${clash} of input ${name}, which is ${dims[clash]}`,
      at,
      hint,
    );
  return checkDims(given.map(BigInt), `input ${name}`, at);
}

/** A likely shape for the hint: batch 1, images of 224. */
const suggest = (dims: readonly (number | undefined)[]): number[] =>
  dims.map((dim, i) => dim ?? (i === 0 ? 1 : 224));

/** The number of the element type that a value is declared with. */
export const elementOf = ({ type }: ValueInfoProto): number | undefined =>
  type?.value.case === 'tensorType' ? type.value.value.elemType : undefined;
