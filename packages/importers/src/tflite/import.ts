// A TFLite model becomes a graph.

import type { Graph, Location, Node, Output } from '@espalier/ir';
import { badModel } from '../errors.ts';
import { importPlan, type ModelPlan, type PlanOptions, type Ports } from '../tensorflow/plan.ts';
import { filled, type House } from '../tensorflow/room.ts';
import { located } from '../tensorflow/settle.ts';
import { createDecoder, elementOf } from './elements.ts';
import { importOperator } from './import-operator.ts';
import type { Value } from './operator.ts';
import { type DeclaredOperator, readTflite, type Subgraph, type TfliteModel } from './read.ts';
import { refuseUnknown } from './unknown-ops.ts';
import { centred, fromPort, quantizationOf, toPort } from './values.ts';

/** How a model is imported. */
export interface ImportTfliteOptions extends PlanOptions {
  /** Is told of every operator that has been imported, and the nodes that it has become. */
  readonly observe?: (operator: DeclaredOperator, results: readonly Node[]) => void;
}

/** The names of a model's inputs, in order. */
export function tfliteInputs({ subgraphs: [main] }: TfliteModel): string[] {
  return main!.inputs.map((index, i) => portName(main!, index, 'input', i)); // the reader has seen to one graph
}

/**
 * Imports the first graph of a model. Its ports have the names, shapes and layouts that the model declares; those of
 * quantised tensors take and give codes, as i32.
 *
 * @throws {EspalierError} BAD_MODEL, MODEL_TOO_LARGE, OPEN_SHAPE, BAD_INPUT_SHAPE, UNSUPPORTED_OP (all of them
 * at once), UNSUPPORTED_USE, UNSUPPORTED_TYPE, NOT_CONSTANT
 */
export function importTflite(
  source: Uint8Array | TfliteModel,
  options: ImportTfliteOptions,
): Graph {
  const at: Location = { file: options.file };
  const { subgraphs, fileBytes } =
    source instanceof Uint8Array ? readTflite(source, options) : source;
  const main = subgraphs[0]!; // the reader has seen to it
  refuseUnknown(main.operators, at);
  const plan: ModelPlan = {
    inputs: main.inputs.map((index, i) => {
      const tensor = main.tensors[index]!;
      const { dtype } = elementOf(tensor, at);
      return { name: portName(main, index, 'input', i), dtype, dims: tensor.dims };
    }),
    build: (house, ports) => build(main, fileBytes, house, ports, options),
  };
  return importPlan(plan, options);
}

const portName = ({ tensors }: Subgraph, index: number, role: string, i: number): string =>
  tensors[index]!.name || `${role}_${i}`;

function build(
  { tensors, inputs, outputs, operators }: Subgraph,
  fileBytes: number,
  house: House,
  ports: Ports,
  { file, observe }: ImportTfliteOptions,
): Output[] {
  const at: Location = { file };
  const values = new Map<number, Value>();
  const decoder = createDecoder(fileBytes);
  const graph = { tensors, inputs, outputs, operators };
  inputs.forEach((index, i) => {
    const name = portName(graph, index, 'input', i);
    const room = house.room(name);
    values.set(index, fromPort(room, ports.get(name)!, quantizationOf(tensors[index]!, at)));
  });

  /** Constants are decoded when they are read. */
  const find = (index: number): Value | undefined => {
    const known = values.get(index);
    const tensor = tensors[index];
    if (known !== undefined || tensor === undefined) return known;
    const room = house.room(tensor.name);
    const quantization = quantizationOf(tensor, at);
    const { bytes, shape } = tensor;
    const value = (node: Node): Value => {
      const made = { node, quantization };
      values.set(index, made);
      return made;
    };
    // A state starts with zeros.
    if (bytes === undefined && tensor.variable)
      return value(filled(room, { dtype: elementOf(tensor, at).dtype, shape }, 0));
    if (bytes === undefined && !shape.includes(0)) return undefined;
    const stored = decoder.decode({ ...tensor, bytes: bytes ?? new Uint8Array(0) }, at);
    return value(
      house.b.constant(quantization ? centred(stored, quantization) : stored, tensor.name),
    );
  };

  for (const operator of operators) {
    const place = { file, node: operator.label };
    try {
      const results = importOperator(operator, tensors, find, house);
      observe?.(
        operator,
        results.map(({ node }) => node),
      );
      operator.outputs.forEach((index, i) => {
        const result = results[i];
        if (index < 0 || result === undefined) return;
        if (values.has(index))
          throw badModel(`tensor ${tensors[index]!.name} is defined twice`, place);
        values.set(index, result);
      });
    } catch (error) {
      throw located(error, operator.op, place);
    }
  }

  const names = new Set<string>();
  return outputs.map((index, i) => {
    const own = portName(graph, index, 'output', i);
    const name = names.has(own) ? `${own} (${i})` : own;
    names.add(name);
    const value = find(index);
    if (value === undefined) throw badModel(`output ${name} is computed nowhere`, at);
    return { name, node: toPort(house.room(name), value) };
  });
}
