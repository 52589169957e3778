// Writes a network as a TFLite file. Field numbers are those of TensorFlow's schema.fbs.

import { Builder } from 'flatbuffers';
import {
  type Activation,
  fuseActivations,
  type PeerGraph,
  type PeerOp,
  type PeerTensor,
  type Window,
} from './peer-graph.ts';
import { isSamePadded, padBefore } from './windows.ts';

/** A field of a table: its number, and how it is written. */
type Field = readonly [
  slot: number,
  kind: 'i8' | 'i32' | 'f32' | 'bool' | 'table',
  value: number | boolean,
];

/** What stands in the file for an op: BuiltinOperator, BuiltinOptions and its fields. */
interface Written {
  readonly builtin: number;
  readonly options?: number;
  readonly fields?: readonly Field[];
  /** Operands behind those of the op: axes, shapes, margins. */
  readonly extra?: readonly (readonly number[])[];
}

const activations = { relu: 1, relu6: 3 } as const;

const fusedInto: readonly string[] = [
  'conv',
  'depthwise',
  'fullyConnected',
  'add',
  'sub',
  'mul',
  'div',
];

const accepts = ({ attrs }: PeerOp, { kind }: Activation): boolean =>
  kind in activations && fusedInto.includes(attrs.kind);

const activationCode = ({ activation }: PeerOp): number =>
  // `accepts` let no other pass.
  activation ? activations[activation.kind as keyof typeof activations] : 0;

const unary: Readonly<Record<string, Written>> = {
  abs: { builtin: 101 },
  elu: { builtin: 111 },
  exp: { builtin: 47 },
  gelu: { builtin: 150, options: 116, fields: [[0, 'bool', false]] },
  hardSwish: { builtin: 117 },
  log: { builtin: 73 },
  neg: { builtin: 59 },
  relu: { builtin: 19 },
  relu6: { builtin: 21 },
  rsqrt: { builtin: 76 },
  sigmoid: { builtin: 14 },
  sqrt: { builtin: 75 },
  square: { builtin: 92 },
  tanh: { builtin: 28 },
  max: { builtin: 55 },
  min: { builtin: 57 },
  softmax: { builtin: 25, options: 9, fields: [[0, 'f32', 1]] },
};

const arithmetic: Readonly<Record<string, readonly [builtin: number, options: number]>> = {
  add: [0, 11],
  mul: [18, 21],
  sub: [41, 28],
  div: [42, 29],
};

const folds = { mean: 40, sum: 74, reduceMax: 82 } as const;

const paddingCode = (same: boolean): Field => [0, 'i8', same ? 0 : 1];

const strides = ({ stride: [rows, columns] }: Window): Field[] => [
  [1, 'i32', columns],
  [2, 'i32', rows],
];

/** One op whose padding, if it has any, is either all of SAME or none. */
function written(op: PeerOp): Written {
  const { attrs, inputs, output } = op;
  const fused = (slot: number): Field => [slot, 'i8', activationCode(op)];
  switch (attrs.kind) {
    case 'conv':
    case 'depthwise': {
      const depthwise = attrs.kind === 'depthwise';
      const [rows, columns] = attrs.dilation;
      const at = depthwise ? 4 : 3;
      const fields: Field[] = [
        paddingCode(isSamePadded(op)),
        ...strides(attrs),
        ...(depthwise ? ([[3, 'i32', attrs.multiplier]] as const) : []),
        fused(at),
        [at + 1, 'i32', columns],
        [at + 2, 'i32', rows],
      ];
      return { builtin: depthwise ? 4 : 3, options: depthwise ? 2 : 1, fields };
    }
    case 'maxPool':
    case 'avgPool': {
      const [rows, columns] = attrs.kernel;
      const size: Field[] = [
        [3, 'i32', columns],
        [4, 'i32', rows],
      ];
      const fields = [paddingCode(isSamePadded(op)), ...strides(attrs), ...size];
      return { builtin: attrs.kind === 'maxPool' ? 17 : 1, options: 5, fields };
    }
    case 'fullyConnected':
      return {
        builtin: 9,
        options: 8,
        fields: [fused(0), [2, 'bool', inputs[0]!.shape.length > 2]],
      };
    case 'add':
    case 'sub':
    case 'mul':
    case 'div': {
      const [builtin, options] = arithmetic[attrs.kind]!;
      return { builtin, options, fields: [fused(0)] };
    }
    case 'leakyRelu':
      return { builtin: 98, options: 75, fields: [[0, 'f32', attrs.alpha]] };
    case 'mean':
    case 'sum':
    case 'reduceMax': {
      const fields: Field[] = [[0, 'bool', true]];
      return { builtin: folds[attrs.kind], options: 27, fields, extra: [attrs.axes] };
    }
    case 'reshape':
      return { builtin: 22, extra: [output.shape] };
    case 'transpose':
      return { builtin: 39, extra: [attrs.perm] };
    case 'concat':
      return { builtin: 2, options: 10, fields: [[0, 'i32', attrs.axis]] };
    case 'slice':
      return { builtin: 65, extra: [attrs.starts, output.shape] };
    case 'batchMatmul': {
      const fields: Field[] = [
        [0, 'bool', attrs.adjX],
        [1, 'bool', attrs.adjY],
      ];
      return { builtin: 126, options: 101, fields };
    }
    case 'resizeNearest':
      return { builtin: 97, options: 74, fields: [], extra: [output.shape.slice(1, 3)] };
    case 'resizeBilinear': {
      const fields: Field[] = [[3, 'bool', true]];
      return { builtin: 23, options: 15, fields, extra: [output.shape.slice(1, 3)] };
    }
    case 'depthToSpace':
      return { builtin: 5, options: 94, fields: [[0, 'i32', attrs.block]] };
    case 'pad':
      return { builtin: attrs.value === 0 ? 34 : 60 };
    default:
      return unary[attrs.kind]!;
  }
}

const weave = (a: readonly number[], b: readonly number[]) => a.flatMap((n, i) => [n, b[i]!]);

/** The bytes of a `.tflite` file. */
export function tflite(original: PeerGraph): Uint8Array {
  const graph = padBefore(fuseActivations(original, accepts), () => false);
  const tensors: PeerTensor[] = [];
  const numbers = new Map<PeerTensor, number>();
  const numberOf = (tensor: PeerTensor): number => {
    const known = numbers.get(tensor);
    if (known !== undefined) return known;
    numbers.set(tensor, tensors.length);
    return tensors.push(tensor) - 1;
  };
  const integers = (shape: readonly number[], values: readonly number[]): number =>
    numberOf({ shape, data: Int32Array.from(values) });
  const codes: number[] = [];
  const operators = graph.ops.map((op) => {
    const { builtin, options = 0, fields = [], extra = [] } = written(op);
    if (!codes.includes(builtin)) codes.push(builtin);
    const inputs = op.inputs.map(numberOf);
    for (const values of extra) inputs.push(integers([values.length], values));
    if (op.attrs.kind === 'pad') {
      const { before, after, value } = op.attrs;
      inputs.push(integers([before.length, 2], weave(before, after)));
      if (value !== 0) inputs.push(numberOf({ shape: [1], data: Float32Array.of(value) }));
    }
    return { code: codes.indexOf(builtin), options, fields, inputs, output: numberOf(op.output) };
  });
  const ports = { inputs: graph.inputs.map(numberOf), outputs: graph.outputs.map(numberOf) };

  const bytes = tensors.reduce((sum, { data }) => sum + (data?.byteLength ?? 0), 0);
  const b = new Builder(bytes + 1_000_000);
  const table = (slots: number, fields: readonly Field[]): number => {
    b.startObject(slots);
    for (const [slot, kind, value] of fields)
      if (kind === 'i8' || kind === 'bool') b.addFieldInt8(slot, Number(value), 0);
      else if (kind === 'i32') b.addFieldInt32(slot, Number(value), 0);
      else if (kind === 'f32') b.addFieldFloat32(slot, Number(value), 0);
      else b.addFieldOffset(slot, Number(value), 0);
    return b.endObject();
  };
  const ints = (values: readonly number[]): number => {
    b.startVector(4, values.length, 4);
    for (const value of [...values].reverse()) b.addInt32(value);
    return b.endVector();
  };
  const offsets = (values: readonly number[]): number => {
    b.startVector(4, values.length, 4);
    for (const value of [...values].reverse()) b.addOffset(value);
    return b.endVector();
  };
  const buffer = ({ data }: PeerTensor): number => {
    if (!data) return table(1, []);
    b.prep(16, data.byteLength); // readers take the elements where they are
    const vector = b.createByteVector(
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    );
    return table(1, [[0, 'table', vector]]);
  };
  // Buffer 0 is empty by convention; tensor i has buffer i + 1.
  const buffers = [table(1, []), ...tensors.map(buffer)];
  const tensorTables = tensors.map(({ shape, data }, i) => {
    const name = b.createString(`t${i}`);
    const type = data instanceof Int32Array ? 2 : 0;
    return table(9, [
      [0, 'table', ints(shape)],
      [1, 'i8', type],
      [2, 'i32', i + 1],
      [3, 'table', name],
    ]);
  });
  const operatorTables = operators.map(({ code, options, fields, inputs, output }) => {
    const own = options > 0 ? table(8, fields) : 0;
    return table(9, [
      [0, 'i32', code],
      [1, 'table', ints(inputs)],
      [2, 'table', ints([output])],
      [3, 'i8', options],
      [4, 'table', own],
    ]);
  });
  const subgraph = table(5, [
    [0, 'table', offsets(tensorTables)],
    [1, 'table', ints(ports.inputs)],
    [2, 'table', ints(ports.outputs)],
    [3, 'table', offsets(operatorTables)],
  ]);
  const codeTables = codes.map((builtin) =>
    // The field of one byte is for readers from before there were 128 operators.
    table(4, [
      [0, 'i8', Math.min(builtin, 127)],
      [2, 'i32', versions[builtin] ?? 1],
      [3, 'i32', builtin],
    ]),
  );
  const model = table(8, [
    [0, 'i32', 3],
    [1, 'table', offsets(codeTables)],
    [2, 'table', offsets([subgraph])],
    [4, 'table', offsets(buffers)],
  ]);
  b.finish(model, 'TFL3');
  return b.asUint8Array();
}

/** Operators of which the first version lacks what is written here: a product that keeps its rank. */
const versions: Readonly<Record<number, number>> = { 9: 5 };
