// Makes small ONNX models out of plain data, for the importer and for ONNX Runtime alike.

import { create, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProtoSchema,
  GraphProtoSchema,
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType as T,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from '../../packages/importers/src/onnx/proto/onnx_pb.ts';

/** An attribute: floats are marked, since 1 is an integer otherwise. */
export type Attribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly strings: readonly string[] };

/** Element types of operands besides float, int64 and bool. */
const elements = { uint8: T.UINT8, int8: T.INT8, int32: T.INT32 } as const;

/** An operand: an input by its shape, a constant by its values, or `undefined` for none. */
export type Operand =
  | {
      readonly shape: readonly number[];
      readonly int?: true;
      readonly bool?: true;
      readonly element?: keyof typeof elements;
      /** Integers are from 0 up to this number. */
      readonly below?: number;
    }
  | { readonly ints: readonly number[]; readonly scalar?: true; readonly dims?: readonly number[] }
  | {
      readonly values: readonly number[];
      readonly element: keyof typeof elements;
      readonly dims: readonly number[];
    }
  | { readonly floats: readonly number[]; readonly dims?: readonly number[] }
  | undefined;

/** A model of one node. */
export interface OneNode {
  readonly op: string;
  readonly opset: number;
  /** Default ONNX's own. */
  readonly domain?: string;
  readonly operands: readonly Operand[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  /** Default 1. */
  readonly outputs?: number;
}

const bytesOf = (array: ArrayBufferView) =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

function attributeOf(name: string, value: Attribute) {
  if (typeof value === 'number')
    return create(AttributeProtoSchema, { name, type: Kind.INT, i: BigInt(value) });
  if (typeof value === 'string') {
    const s = new TextEncoder().encode(value);
    return create(AttributeProtoSchema, { name, type: Kind.STRING, s });
  }
  if ('float' in value)
    return create(AttributeProtoSchema, { name, type: Kind.FLOAT, f: value.float });
  if ('floats' in value)
    return create(AttributeProtoSchema, { name, type: Kind.FLOATS, floats: [...value.floats] });
  if ('strings' in value) {
    const strings = value.strings.map((text) => new TextEncoder().encode(text));
    return create(AttributeProtoSchema, { name, type: Kind.STRINGS, strings });
  }
  return create(AttributeProtoSchema, { name, type: Kind.INTS, ints: value.map(BigInt) });
}

/** The file of a model of one node; inputs are `x0`, `x1`, …, outputs `y0`, `y1`, …. */
export function oneNode({
  op,
  opset,
  domain = '',
  operands,
  attributes = {},
  outputs = 1,
}: OneNode): Uint8Array {
  const names = Array.from({ length: outputs }, (_, i) => `y${i}`);
  const graph = create(GraphProtoSchema, { name: 'one' });
  const input = operands.map((operand, i) => {
    const name = `x${i}`;
    if (operand === undefined) return '';
    if ('shape' in operand) {
      const own = operand.element && elements[operand.element];
      const elemType = own ?? (operand.int ? T.INT64 : operand.bool ? T.BOOL : T.FLOAT);
      const dim = operand.shape.map((extent) => ({
        value: { case: 'dimValue' as const, value: BigInt(extent) },
      }));
      const type = { value: { case: 'tensorType' as const, value: { elemType, shape: { dim } } } };
      graph.input.push(create(ValueInfoProtoSchema, { name, type }));
    } else if ('values' in operand)
      graph.initializer.push(
        create(TensorProtoSchema, {
          name,
          dataType: elements[operand.element],
          dims: operand.dims.map(BigInt),
          int32Data: [...operand.values],
        }),
      );
    else if ('ints' in operand)
      graph.initializer.push(
        create(TensorProtoSchema, {
          name,
          dataType: T.INT64,
          dims: operand.scalar ? [] : (operand.dims ?? [operand.ints.length]).map(BigInt),
          rawData: bytesOf(BigInt64Array.from(operand.ints.map(BigInt))),
        }),
      );
    else
      graph.initializer.push(
        create(TensorProtoSchema, {
          name,
          dataType: T.FLOAT,
          dims: (operand.dims ?? [operand.floats.length]).map(BigInt),
          rawData: bytesOf(Float32Array.from(operand.floats)),
        }),
      );
    return name;
  });
  graph.node.push(
    create(NodeProtoSchema, {
      opType: op,
      domain,
      input,
      output: names,
      attribute: Object.entries(attributes).map(([name, value]) => attributeOf(name, value)),
    }),
  );
  // Types of outputs are left to the engine.
  graph.output = names.map((name) => create(ValueInfoProtoSchema, { name }));
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [{ domain, version: BigInt(opset) }, ...(domain ? [{ version: 17n }] : [])],
      graph,
    }),
  );
}
