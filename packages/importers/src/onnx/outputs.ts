// Other outputs than those that a model declares: any value of its graph.

import { create } from '@bufbuild/protobuf';
import { noOutput } from '../errors.ts';
import { ValueInfoProtoSchema } from './proto/onnx_pb.ts';
import type { OnnxModel } from './read.ts';

/** The model with these values of its graph as outputs. @throws {EspalierError} NO_OUTPUT */
export function withOutputs(model: OnnxModel, names: readonly string[] | undefined): OnnxModel {
  if (names === undefined) return model;
  const { file, graph } = model;
  const values = new Set([
    ...graph.input.map(({ name }) => name),
    ...graph.initializer.map(({ name }) => name),
    ...graph.node.flatMap(({ output }) => output),
  ]);
  const declared = new Map(graph.output.map((info) => [info.name, info]));
  const output = names.map((name) => {
    if (!values.has(name)) throw noOutput(name, [...declared.keys()], { file });
    return declared.get(name) ?? create(ValueInfoProtoSchema, { name });
  });
  const own = { ...graph, output };
  return { file, graph: own, model: { ...model.model, graph: own } };
}
