// A graph becomes an ONNX model, for other engines to run: the tests' oracle, and training on them.

import { create, toBinary } from '@bufbuild/protobuf';
import {
  allocate,
  decompose,
  type Graph,
  type Node,
  type OpNode,
  type Shape,
  sameShape,
  splitInputs,
  type Tensor,
  type TensorType,
  topologicalOrder,
} from '@espalier/ir';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType as T,
  type TensorProto,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from './proto/onnx_pb.ts';
import { writeOp } from './write-op.ts';
import { writeScalar } from './write-scalar.ts';

/** Version of the operator set that is written: the first with layer normalisation. */
const writtenOpset = 17;

/** Version of the file format that goes with it. */
const irVersion = 8n;

const elementTypeOf = { f32: T.FLOAT, i32: T.INT32, bool: T.BOOL, u8: T.UINT8 } as const;

/** An attribute's value: whole numbers and lists of them, unless it is marked as a float. */
export type AttributeValue = number | string | readonly number[] | { readonly float: number };

/** A value in the written file. */
export interface Written {
  readonly name: string;
  readonly type: TensorType;
}

/** Takes the nodes of a file as they are written. */
export interface Writer {
  /** Adds a node of which one result is used, by default its first, of the given type. */
  add(
    op: string,
    inputs: readonly Written[],
    type: TensorType,
    attributes?: Readonly<Record<string, AttributeValue>>,
    result?: number,
  ): Written;
  constant(tensor: Tensor): Written;
  /** An int64 list, as shapes and axes are. */
  ints(values: readonly number[]): Written;
  /** A single number of the graph's types. */
  number(value: number, dtype: TensorType['dtype']): Written;
}

/**
 * Writes a graph as an ONNX model of opset 17. i32 values are int32 there.
 *
 * @throws {EspalierError} NOT_IN_ONNX, where an op has no counterpart in that opset
 */
export function writeOnnx(graph: Graph): Uint8Array {
  const model = create(ModelProtoSchema, {
    irVersion,
    producerName: 'espalier',
    opsetImport: [{ domain: '', version: BigInt(writtenOpset) }],
    graph: graphOf(decompose(graph)),
  });
  return toBinary(ModelProtoSchema, model);
}

function graphOf(graph: Graph): GraphProto {
  const file = create(GraphProtoSchema, { name: 'espalier' });
  const names = new Map<Node, Written>();
  const writer = writerInto(file, graph);
  for (const node of topologicalOrder(graph)) {
    if (node.kind === 'input') names.set(node, { name: node.name, type: node.type });
    else if (node.kind === 'constant') names.set(node, writer.constant(node.value));
    else
      names.set(
        node,
        writeNode(node, (operand) => names.get(operand)!, writer),
      );
  }
  for (const { name, node } of graph.outputs) {
    const value = names.get(node)!;
    file.node.push(
      create(NodeProtoSchema, { opType: 'Identity', input: [value.name], output: [name] }),
    );
  }
  file.input = graph.inputs.map(({ name, type }) => infoOf(name, type));
  file.output = graph.outputs.map(({ name, node }) => infoOf(name, node.type));
  return file;
}

function writeNode(node: OpNode, find: (operand: Node) => Written, writer: Writer): Written {
  const { own, extras } = splitInputs(node);
  const operands = own.map(find);
  const result = writeOp(node, operands, writer);
  if (!node.epilogue) return fit(result, node.type.shape, writer);
  const shaped = fit(result, node.type.shape, writer);
  const after = writeScalar(node.epilogue, [shaped, ...extras.map(find)], writer);
  return fit(after, node.type.shape, writer);
}

/** Broadcasts where an expression does not read what made the result's shape. */
const fit = (value: Written, shape: Shape, writer: Writer): Written =>
  sameShape(value.type.shape, shape)
    ? value
    : writer.add('Expand', [value, writer.ints(shape)], { ...value.type, shape });

function writerInto(file: GraphProto, graph: Graph): Writer {
  const taken = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  const known = new Map<string, Written>();
  let last = 0;
  const fresh = (): string => {
    let name: string;
    do name = `v${++last}`;
    while (taken.has(name));
    return name;
  };

  const store = (type: TensorType, tensor: Pick<TensorProto, 'dataType' | 'rawData'>): Written => {
    const name = fresh();
    const dims = type.shape.map(BigInt);
    file.initializer.push(create(TensorProtoSchema, { name, dims, ...tensor }));
    return { name, type };
  };
  const once = (key: string, make: () => Written): Written => {
    const found = known.get(key) ?? make();
    known.set(key, found);
    return found;
  };
  const constant = ({ type, data }: Tensor): Written =>
    store(type, {
      dataType: elementTypeOf[type.dtype],
      rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    });

  return {
    add(op, inputs, type, attributes = {}, result = 0) {
      const outputs = Array.from({ length: result + 1 }, fresh);
      file.node.push(
        create(NodeProtoSchema, {
          opType: op,
          input: inputs.map(({ name }) => name),
          output: outputs,
          attribute: Object.entries(attributes).map(([name, value]) => attributeOf(name, value)),
        }),
      );
      return { name: outputs[result]!, type };
    },
    constant,
    ints: (values) =>
      once(`ints ${values.join()}`, () =>
        store(
          { dtype: 'i32', shape: [values.length] },
          {
            dataType: T.INT64,
            rawData: new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer),
          },
        ),
      ),
    number: (value, dtype) =>
      once(`${dtype} ${Object.is(value, -0) ? '-0' : value}`, () => {
        const type = { dtype, shape: [] };
        return constant({ type, data: allocate(type).fill(value) });
      }),
  };
}

function attributeOf(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === 'number')
    return create(AttributeProtoSchema, { name, type: Kind.INT, i: BigInt(value) });
  if (typeof value === 'string') {
    const s = new TextEncoder().encode(value);
    return create(AttributeProtoSchema, { name, type: Kind.STRING, s });
  }
  if ('float' in value)
    return create(AttributeProtoSchema, { name, type: Kind.FLOAT, f: value.float });
  return create(AttributeProtoSchema, { name, type: Kind.INTS, ints: value.map(BigInt) });
}

function infoOf(name: string, { dtype, shape }: TensorType) {
  const dim = shape.map((extent) => ({
    value: { case: 'dimValue' as const, value: BigInt(extent) },
  }));
  const tensor = { elemType: elementTypeOf[dtype], shape: { dim } };
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'tensorType', value: tensor } },
  });
}
