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
import type { Result } from './importer.ts';
import { closeInputs, elementOf, noInput } from './inputs.ts';
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
  /**
   * Inputs that become constants, by name: what shapes and branches depend on must be known. A number fills
   * the input's shape.
   */
  readonly values?: Readonly<Record<string, Tensor | number>>;
  /** Elements of initializers whose data the file leaves out. */
  readonly fill?: (name: string, dims: readonly number[]) => Float32Array | undefined;
  /** Is told of every call that has been imported, and the nodes that it has become. */
  readonly observe?: (call: Call, results: readonly Node[]) => void;
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
    const element = tensor.dataType;
    if (!header.filled) {
      const node = b.constant(filled(name, header, options, at), name);
      return { result: node, saturated: false, element };
    }
    const { tensor: value, saturated } = decodeTensor(tensor, header, at);
    return { result: b.constant(value, name), saturated, element };
  };

  const inputs: InputNode[] = [];
  const whole = Object.entries(given).filter(([, value]) => typeof value !== 'number');
  const names = new Set(whole.map(([name]) => name));
  const bound = { ...graph, input: graph.input.filter(({ name }) => !names.has(name)) };
  const declared = new Map(
    [...graph.valueInfo, ...graph.input].map((info) => [info.name, elementOf(info)] as const),
  );
  for (const { name, type } of closeInputs(bound, options.shapes ?? {}, at)) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    const node =
      typeof value === 'number' ? b.expand(b.value(value, type.dtype), type) : b.input(name, type);
    if (node.kind === 'input') inputs.push(node);
    define(name, { result: node, saturated: false, element: declared.get(name) });
  }
  const stored = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  for (const [name, value] of Object.entries(given)) {
    stored.delete(name);
    if (typeof value === 'number') {
      if (!values.has(name)) throw noInput(name, graph, at);
      continue;
    }
    const result = b.constant(value, name);
    define(name, { result, saturated: false, element: declared.get(name) });
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

  const importCalls = (list: readonly Call[]) => {
    for (const call of list) {
      const results = importCall(call, shared);
      options.observe?.(call, results.flatMap(nodesOf));
      call.outputs.forEach((name, i) => {
        const result = results[i];
        if (name === '' || result === undefined) return;
        define(name, { ...result, element: result.element ?? declared.get(name) });
      });
    }
  };
  const run: Shared['run'] = (body, given, label) => {
    const names = given.map((_, i) => `${label}\u001f${i}`);
    given.forEach((value, i) => void define(names[i]!, value));
    const { calls, constants, outputs } = body.expand(names, label);
    refuseUnknown(calls, at);
    for (const [name, tensor] of constants) stored.set(name, tensor);
    importCalls(calls);
    return outputs.map((name) => {
      const value = find(name);
      if (value === undefined) throw badModel(`output ${name} is computed nowhere`, at);
      return value;
    });
  };
  const known = createKnown(at);
  const shared: Shared = { b, file: options.file, find, known, claim, zeros, run };
  importCalls(calls);

  const named = new Set<string>();
  const outputs = graph.output.map(({ name }) => {
    if (named.has(name)) throw badModel(`two outputs are named ${name}`, at);
    named.add(name);
    const value = find(name);
    if (value === undefined) throw badModel(`output ${name} is computed nowhere`, at);
    if (value.saturated) throw unsupportedType(`output ${name} is beyond 32 bits`, at);
    if (value.result.kind === 'sequence') throw unsupportedType(`output ${name} is a sequence`, at);
    return { name, node: value.result };
  });
  return { inputs, outputs };
}

/** The results of a call, checked for size; small constants are computed at once. */
function importCall(call: Call, shared: Shared): (Value | undefined)[] {
  const importer = importerOf(call.op, call.domain)!; // `refuseUnknown` has seen to it
  const at = { file: shared.file, node: call.label };
  const checked = (node: Node): Node => {
    const size = elementCount(node.type.shape);
    if (size > maxElements) throw modelTooLarge(`a result has ${size} elements`, at);
    return folded(node, shared);
  };
  try {
    const { site, saturated } = siteOf(call, importer, shared);
    const results = importer.import(site);
    const list: readonly (Result | undefined)[] = 'length' in results ? results : [results];
    const first =
      importer.element?.(site) ?? (importer.moves === true ? site.element(0) : undefined);
    return list.map((result, i) => {
      if (result === undefined) return undefined;
      const element = i === 0 ? first : undefined;
      if (result.kind === 'sequence')
        return { result: { ...result, items: result.items.map(checked) }, saturated: saturated() };
      return { result: checked(result), saturated: saturated(), element };
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

const nodesOf = (value: Value | undefined): readonly Node[] => {
  if (value === undefined) return [];
  return value.result.kind === 'sequence' ? value.result.items : [value.result];
};

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
