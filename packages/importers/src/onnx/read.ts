// Bytes of an ONNX file become a checked model. Files are hostile until this is through.

import { type DescMessage, fromBinary } from '@bufbuild/protobuf';
import type { Location, Tensor } from '@espalier/ir';
import { badModel, modelTooLarge, unsupportedUse } from '../errors.ts';
import type { ExternalReader } from '../external.ts';
import { fetchExternal } from './external.ts';
import {
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  TensorProto_DataLocation as Stored,
  type TensorProto,
  TensorProtoSchema,
} from './proto/onnx_pb.ts';
import { checkTensor, decodeTensor } from './tensors.ts';
import { checkWire } from './wire.ts';

/** A model whose every length, dimension and reference to data has been checked. */
export interface OnnxModel {
  readonly file: string;
  readonly model: ModelProto;
  readonly graph: GraphProto;
}

/** Where a model comes from. */
export interface ReadOptions {
  /** The model's path, for messages. */
  readonly file: string;
  /** Reads data that the model keeps beside it. Without it such models are refused. */
  readonly external?: ExternalReader;
}

const oldestIr = 3n;

/**
 * Reads and checks an ONNX model. Memory is bounded by a small multiple of the file's size.
 *
 * @throws {EspalierError} BAD_MODEL, MODEL_TOO_LARGE, BAD_EXTERNAL_DATA
 */
export function readOnnx(bytes: Uint8Array, { file, external }: ReadOptions): OnnxModel {
  const at: Location = { file };
  if (bytes.length === 0) throw badModel('the file is empty', at);
  checkWire(bytes, ModelProtoSchema, at);
  const model = decode(ModelProtoSchema, bytes, at);
  const { graph } = model;
  if (graph === undefined) throw badModel('the file holds no graph', at);
  if (model.irVersion < oldestIr)
    throw badModel(`the model has IR version ${model.irVersion}; ONNX starts at ${oldestIr}`, at);
  if (model.opsetImport.length === 0) throw badModel('the model names no operator set', at);
  if (graph.node.length === 0 && graph.output.length === 0)
    throw badModel('the graph has neither nodes nor outputs', at);
  const context = { external: limited(external, at), file };
  checkGraph(graph, context);
  for (const { node } of model.functions) checkNodes(node, context);
  return { file, model, graph };
}

/**
 * Reads a file of one tensor (`.pb`), as ONNX's own test data has them.
 *
 * @throws {EspalierError} BAD_MODEL, MODEL_TOO_LARGE, UNSUPPORTED_TYPE
 */
export function readOnnxTensor(bytes: Uint8Array, { file }: Pick<ReadOptions, 'file'>): Tensor {
  const at: Location = { file };
  checkWire(bytes, TensorProtoSchema, at);
  const tensor = decode(TensorProtoSchema, bytes, at);
  const header = checkTensor(tensor, at);
  if (!header.filled) throw badModel('the tensor has no data', at);
  return decodeTensor(tensor, header, at).tensor;
}

function decode<T extends DescMessage>(schema: T, bytes: Uint8Array, at: Location) {
  try {
    return fromBinary(schema, bytes, { readUnknownFields: false });
  } catch (cause) {
    throw badModel(`not an ONNX file: ${(cause as Error).message}`, at, cause);
  }
}

/** The most external data of one model: many tensors may name the same part of a file. */
const mostExternalBytes = 2 ** 32;

/** The reader, until it has read too much. */
function limited(read: ExternalReader | undefined, at: Location): ExternalReader | undefined {
  let left = mostExternalBytes;
  return (
    read &&
    ((location, offset, length) => {
      left -= length ?? 0;
      if (left < 0) throw modelTooLarge(`external data is over ${mostExternalBytes} bytes`, at);
      return read(location, offset, length);
    })
  );
}

interface Context {
  readonly file: string;
  readonly external: ExternalReader | undefined;
}

function checkGraph(graph: GraphProto, context: Context): void {
  if (graph.sparseInitializer.length > 0)
    throw unsupportedUse('the model has sparse initializers', { file: context.file });
  for (const tensor of graph.initializer) checkData(tensor, context);
  checkNodes(graph.node, context);
}

function checkNodes(nodes: readonly NodeProto[], context: Context): void {
  for (const { attribute } of nodes)
    for (const { t, g, tensors, graphs } of attribute) {
      for (const tensor of t === undefined ? tensors : [t, ...tensors]) checkData(tensor, context);
      for (const graph of g === undefined ? graphs : [g, ...graphs]) checkGraph(graph, context);
    }
}

function checkData(tensor: TensorProto, { file, external }: Context): void {
  const at: Location = { file };
  if (tensor.dataLocation === Stored.EXTERNAL) fetchExternal(tensor, external, at);
  else checkTensor(tensor, at);
}
