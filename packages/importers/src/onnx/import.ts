// An ONNX model becomes a graph: inputs closed, functions inlined, each operator by its importer.

import {
  createBuilder,
  EspalierError,
  elementCount,
  type Graph,
  type InputNode,
  type Location,
  type Node,
  type Tensor,
} from '@espalier/ir';
import { badModel, modelTooLarge, unsupportedType } from '../errors.ts';
import { type Call, flatten } from './flatten.ts';
import { closeInputs } from './inputs.ts';
import { createKnown } from './known.ts';
import { importerOf } from './ops/index.ts';
import type { TensorProto } from './proto/onnx_pb.ts';
import { type OnnxModel, type ReadOptions, readOnnx } from './read.ts';
import { type Shared, siteOf, type Value } from './site.ts';
import { checkTensor, decodeTensor, maxElements, type TensorHeader } from './tensors.ts';
import { refuseUnknown } from './unknown-ops.ts';

/** How a model is imported. */
export interface ImportOptions extends ReadOptions {
  /** Shapes of inputs with open dimensions, by name. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  /** Inputs that become constants, by name: what shapes depend on must be known. */
  readonly values?: Readonly<Record<string, Tensor>>;
  /** Elements of initializers whose data the file leaves out. */
  readonly fill?: (name: string, dims: readonly number[]) => Float32Array | undefined;
}

/** The most elements that the importers of one model may make up: 256 MiB of tables and zeros. */
const mostMade = 2 ** 26;

/** Constants of at most this many elements are computed at once, so that shapes are at hand. */
const smallElements = 1024;

/**
 * Imports an ONNX model, opsets 7 and later.
 *
 * @throws {EspalierError} BAD_MODEL, MODEL_TOO_LARGE, BAD_EXTERNAL_DATA, OPEN_SHAPE, BAD_INPUT_SHAPE,
 * UNSUPPORTED_OP (all of them at once), UNSUPPORTED_USE, UNSUPPORTED_TYPE, NOT_CONSTANT
 */
export function importOnnx(source: Uint8Array | OnnxModel, options: ImportOptions): Graph {
  const { model, graph } = source instanceof Uint8Array ? readOnnx(source, options) : source;
  const at: Location = { file: options.file };
  const calls = flatten(model, at);
  refuseUnknown(calls, at);

  const b = createBuilder();
  const values = new Map<string, Value>();
  const define = (name: string, value: Value) => {
    if (values.has(name)) throw badModel(`value ${name} is defined twice`, at);
    values.set(name, value);
  };

  const given = options.values ?? {};
  const constant = (name: string, tensor: TensorProto): Value => {
    const header = checkTensor(tensor, at);
    if (!header.filled)
      return { node: b.constant(filled(name, header, options, at), name), saturated: false };
    const decoded = decodeTensor(tensor, header, at);
    return { node: b.constant(decoded.tensor, name), saturated: decoded.saturated };
  };

  const inputs: InputNode[] = [];
  const bound = { ...graph, input: graph.input.filter(({ name }) => !Object.hasOwn(given, name)) };
  for (const { name, type } of closeInputs(bound, options.shapes ?? {}, at)) {
    const node = b.input(name, type);
    inputs.push(node);
    define(name, { node, saturated: false });
  }
  const stored = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  for (const [name, value] of Object.entries(given)) {
    stored.delete(name);
    define(name, { node: b.constant(value, name), saturated: false });
  }

  // Initializers become constants when they are read: files keep unused ones.
  const find = (name: string): Value | undefined => {
    const tensor = values.has(name) ? undefined : stored.get(name);
    if (tensor !== undefined) values.set(name, constant(name, tensor));
    return values.get(name);
  };

  let left = mostMade;
  const claim = (count: number, what: string, place: Location): number => {
    left -= count;
    if (!(left >= 0)) throw modelTooLarge(`${what} of ${count} elements is too much`, place);
    return count;
  };
  const zeroes = new Map<number, Node>();
  const zeros = (count: number, place: Location): Node => {
    const type = { dtype: 'f32', shape: [count] } as const;
    const make = () => new Float32Array(claim(count, 'a list of zeros', place));
    const node = zeroes.get(count) ?? b.constant({ type, data: make() }, 'zeros');
    zeroes.set(count, node);
    return node;
  };

  const shared: Shared = { b, file: options.file, find, known: createKnown(at), claim, zeros };
  for (const call of calls) {
    const results = importCall(call, shared);
    call.outputs.forEach((name, i) => {
      const result = results[i];
      if (name !== '' && result !== undefined) define(name, result);
    });
  }

  const named = new Set<string>();
  const outputs = graph.output.map(({ name }) => {
    if (named.has(name)) throw badModel(`two outputs are named ${name}`, at);
    named.add(name);
    const value = find(name);
    if (value === undefined) throw badModel(`output ${name} is computed nowhere`, at);
    if (value.saturated) throw unsupportedType(`output ${name} is beyond 32 bits`, at);
    return { name, node: value.node };
  });
  return { inputs, outputs };
}

/** The results of a call, checked for size; small constants are computed at once. */
function importCall(call: Call, shared: Shared): (Value | undefined)[] {
  const importer = importerOf(call.op, call.domain)!; // `refuseUnknown` has seen to it
  const at = { file: shared.file, node: call.label };
  try {
    const { site, saturated } = siteOf(call, importer, shared);
    const results = importer.import(site);
    const list = Array.isArray(results) ? results : [results];
    return list.map((node: Node | undefined) => {
      if (node === undefined) return undefined;
      const size = elementCount(node.type.shape);
      if (size > maxElements) throw modelTooLarge(`a result has ${size} elements`, at);
      return { node: folded(node, shared), saturated: saturated() };
    });
  } catch (error) {
    // What the graph itself refuses gets its place in the model.
    if (error instanceof EspalierError && error.at === undefined) {
      const { code, message, hint } = error;
      throw new EspalierError(code, message, { at, cause: error, ...(hint && { hint }) });
    }
    if (error instanceof RangeError)
      throw modelTooLarge(`${call.op} asks for too much: ${error.message}`, at, error);
    throw error;
  }
}

/** A small constant's value in place of its computation. */
function folded(node: Node, { b, known }: Shared): Node {
  if (node.kind !== 'op' || elementCount(node.type.shape) > smallElements) return node;
  const value = known.cheapValue(node);
  return value === undefined ? node : b.constant(value, node.name);
}

function filled(name: string, header: TensorHeader, { fill }: ImportOptions, at: Location) {
  const data = header.element.name === 'float32' ? fill?.(name, header.shape) : undefined;
  if (data === undefined) throw badModel(`tensor ${name} has dimensions but no data`, at);
  const count = elementCount(header.shape);
  if (data.length !== count)
    throw badModel(`tensor ${name} was filled with ${data.length} elements, not ${count}`, at);
  return { type: { dtype: 'f32' as const, shape: header.shape }, data };
}
