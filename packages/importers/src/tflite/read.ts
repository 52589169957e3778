// Bytes of a `.tflite` file become a checked model. Field numbers are those of TensorFlow Lite's schema.

import { elementCount, type Location } from '@espalier/ir';
import { badModel, modelTooLarge, unsupportedUse } from '../errors.ts';
import { maxElements } from '../onnx/tensors.ts';
import { builtins, customCode } from './builtins.ts';
import { rootTable, type Table } from './flatbuffer.ts';
import { type Quantization, readQuantization } from './quantization.ts';

/** A tensor as the file declares it. */
export interface DeclaredTensor {
  readonly name: string;
  /** TensorFlow Lite's number of the element type. */
  readonly element: number;
  readonly shape: readonly number[];
  /** `shape` with `undefined` where the model leaves an extent open. */
  readonly dims: readonly (number | undefined)[];
  /** Elements, as the file keeps them; `undefined` for what is computed or given. */
  readonly bytes: Uint8Array | undefined;
  readonly quantization: Quantization | undefined;
  /** How `bytes` leave zeros out. */
  readonly sparsity: Table | undefined;
  /** Whether it is a state that an operator keeps between runs. */
  readonly variable: boolean;
}

/** An operator as the file declares it. */
export interface DeclaredOperator {
  /** `CONV_2D`, or the name of a custom operator. */
  readonly op: string;
  readonly custom: boolean;
  readonly version: number;
  /** Name of its first result; no two operators have one label. */
  readonly label: string;
  /** Indices of tensors; -1 for an operand that is left out. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Which table of options it has, 0 for none. */
  readonly optionsKind: number;
  readonly options: Table | undefined;
  /** What a custom operator has in their place. */
  readonly customOptions: Uint8Array | undefined;
}

/** A graph of operators, in order of execution. */
export interface Subgraph {
  readonly tensors: readonly DeclaredTensor[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly operators: readonly DeclaredOperator[];
}

/** A TFLite model whose every length and index has been checked. */
export interface TfliteModel {
  readonly subgraphs: readonly Subgraph[];
  readonly fileBytes: number;
}

const identifier = 'TFL3';
const maxRank = 16;

/** Whether bytes are a TFLite model, by the identifier that each one carries. */
export const isTflite = (bytes: Uint8Array): boolean =>
  bytes.length >= 8 && String.fromCharCode(...bytes.subarray(4, 8)) === identifier;

/**
 * Reads and checks a TFLite model. Elements stay where they are in the file.
 *
 * @throws {EspalierError} BAD_MODEL, MODEL_TOO_LARGE
 */
export function readTflite(bytes: Uint8Array, { file }: { readonly file: string }): TfliteModel {
  const at: Location = { file };
  if (!isTflite(bytes)) throw badModel(`the file does not carry ${identifier}`, at);
  const root = rootTable(bytes, at);
  const version = root.uint32(0);
  if (version !== 3) throw badModel(`version ${version} of the format; TFLite has 3`, at);
  const codes = root.tables(1).map((table) => readCode(table, at));
  const buffers = root.tables(4).map((table) => readBuffer(table, bytes, at));
  const subgraphs = root.tables(2).map((table) => readSubgraph(table, codes, buffers, at));
  if (subgraphs.length === 0) throw badModel('the file holds no graph', at);
  return { subgraphs, fileBytes: bytes.length };
}

type Code = Pick<DeclaredOperator, 'op' | 'custom' | 'version'>;

function readCode(table: Table, at: Location): Code {
  // The field of one byte is from before there were 128 operators.
  const code = Math.max(table.int8(0), table.int32(3));
  const version = table.int32(2, 1);
  if (code === customCode) return { op: table.text(1) || 'CUSTOM', custom: true, version };
  const op = builtins[code];
  if (op === undefined) throw badModel(`operator ${code}, which TFLite does not define`, at);
  return { op, custom: false, version };
}

function readBuffer(table: Table, file: Uint8Array, at: Location): Uint8Array | undefined {
  const [offset, size] = [table.uint64(1), table.uint64(2)];
  // Large models keep elements behind the tables.
  if (offset <= 1) return table.bytes(0);
  if (offset + size > file.length)
    throw badModel(`${size} bytes of data at ${offset} of a file of ${file.length}`, at);
  return file.subarray(offset, offset + size);
}

function readSubgraph(
  table: Table,
  codes: readonly Code[],
  buffers: readonly (Uint8Array | undefined)[],
  at: Location,
): Subgraph {
  const tensors = table.tables(0).map((tensor) => readTensor(tensor, buffers, at));
  const indices = (list: readonly number[] | undefined, what: string, least: 0 | -1) => {
    for (const index of list ?? [])
      if (index < least || index >= tensors.length)
        throw badModel(`${what} names tensor ${index} of ${tensors.length}`, at);
    return list ?? [];
  };
  const labels = new Set<string>();
  const operators = table.tables(3).map((operator, i): DeclaredOperator => {
    const code = codes[operator.uint32(0)];
    if (code === undefined)
      throw badModel(`operator ${i} has code ${operator.uint32(0)} of ${codes.length}`, at);
    const outputs = indices(operator.int32s(2), `operator ${i}`, -1);
    const name = tensors[outputs[0] ?? -1]?.name || `operator ${i}`;
    const label = labels.has(name) ? `${name} (${i})` : name;
    labels.add(label);
    return {
      ...code,
      label,
      inputs: indices(operator.int32s(1), `operator ${i}`, -1),
      outputs,
      optionsKind: operator.uint8(3),
      options: operator.table(4),
      customOptions: operator.bytes(5),
    };
  });
  return {
    tensors,
    inputs: indices(table.int32s(1), 'the inputs', 0),
    outputs: indices(table.int32s(2), 'the outputs', 0),
    operators,
  };
}

function readTensor(
  table: Table,
  buffers: readonly (Uint8Array | undefined)[],
  at: Location,
): DeclaredTensor {
  const name = table.text(3);
  const label = `tensor ${name || '(unnamed)'}`;
  const shape = checkShape(table.int32s(0) ?? [], label, at);
  const signature = table.int32s(7) ?? [];
  const buffer = table.uint32(2);
  if (buffer > 0 && buffer >= buffers.length)
    throw badModel(`${label} has buffer ${buffer} of ${buffers.length}`, at);
  const bytes = buffers[buffer];
  if (table.has(9) && table.tables(9).length > 0)
    throw unsupportedUse(`${label} holds other tensors`, at);
  return {
    name,
    element: table.int8(1),
    shape,
    dims: shape.map((extent, i) => (signature[i] === -1 ? undefined : extent)),
    bytes: bytes && bytes.length > 0 ? bytes : undefined,
    quantization: readQuantization(table.table(4), shape, label, at),
    sparsity: table.table(6),
    variable: table.int8(5) !== 0,
  };
}

function checkShape(shape: readonly number[], label: string, at: Location): readonly number[] {
  if (shape.length > maxRank) throw badModel(`${label} has ${shape.length} dimensions`, at);
  if (shape.some((extent) => extent < -1))
    throw badModel(`${label} has the shape [${shape.join(', ')}]`, at);
  // Some converters leave an extent open here.
  const closed = shape.map((extent) => (extent === -1 ? 1 : extent));
  // An extent of 0 must not hide an absurd one beside it.
  if (elementCount(closed.map((extent) => Math.max(1, extent))) > maxElements)
    throw modelTooLarge(`${label} claims [${shape.join(', ')}], over ${maxElements} elements`, at);
  return closed;
}
