// Writes TFLite files. Field numbers are those of TensorFlow's schema.fbs.

import { Builder } from 'flatbuffers';

/** A field of a table: its number, and how it is written. */
export type Field =
  | readonly [slot: number, kind: 'i8' | 'i32' | 'f32' | 'bool' | 'table', value: number | boolean]
  | readonly [slot: number, kind: 'i32s', value: readonly number[]];

/** Element types by TFLite's number. */
export const elementCodes = {
  f32: 0,
  f16: 1,
  i32: 2,
  u8: 3,
  i64: 4,
  bool: 6,
  i16: 7,
  i8: 9,
} as const;

/** A tensor; one with data is a constant. */
export interface WrittenTensor {
  readonly shape: readonly number[];
  /** Default: f32, or i32 for data of that kind. */
  readonly type?: keyof typeof elementCodes;
  readonly data?: Float32Array | Int32Array | Uint8Array | Int8Array | Uint16Array | BigInt64Array;
  readonly name?: string;
  readonly scales?: readonly number[];
  readonly zeros?: readonly number[];
  /** The axis of several scales. */
  readonly axis?: number;
  /** Whether it is a state. */
  readonly variable?: boolean;
  /** Extents, -1 for open ones. */
  readonly signature?: readonly number[];
  /** Zeros that `data` leaves out. */
  readonly sparsity?: Sparsity;
}

/** How a sparse tensor is stored: orders and dimensions as the schema has them. */
export interface Sparsity {
  readonly order: readonly number[];
  readonly blocks?: readonly number[];
  readonly dimensions: readonly (
    | { readonly size: number }
    | { readonly segments: readonly number[]; readonly indices: readonly number[] }
  )[];
}

/** An operator over tensors by their place in the list; -1 for an operand that is left out. */
export interface WrittenOperator {
  /** Of TFLite's own operators. */
  readonly builtin: number;
  /** The name of an operator that is not. */
  readonly custom?: string;
  readonly version?: number;
  /** The number of its table of options, and the fields. */
  readonly options?: number;
  readonly fields?: readonly Field[];
  readonly customOptions?: Uint8Array;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** A model of one graph. */
export interface WrittenModel {
  readonly tensors: readonly WrittenTensor[];
  readonly operators: readonly WrittenOperator[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** The bytes of a `.tflite` file. */
export function writeTflite({ tensors, operators, inputs, outputs }: WrittenModel): Uint8Array {
  const bytes = tensors.reduce((sum, { data }) => sum + (data?.byteLength ?? 0), 0);
  const b = new Builder(bytes + 100_000);
  const vector = (width: number, values: readonly number[], add: (value: number) => void) => {
    b.startVector(width, values.length, width);
    for (const value of [...values].reverse()) add(value);
    return b.endVector();
  };
  const ints = (values: readonly number[]) => vector(4, values, (value) => b.addInt32(value));
  const longs = (values: readonly number[]) =>
    vector(8, values, (value) => b.addInt64(BigInt(value)));
  const floats = (values: readonly number[]) => vector(4, values, (value) => b.addFloat32(value));
  const offsets = (values: readonly number[]) => vector(4, values, (value) => b.addOffset(value));
  const table = (slots: number, fields: readonly Field[]): number => {
    // Vectors come before the table that refers to them.
    const made = fields.map(
      (field): Exclude<Field, readonly [number, 'i32s', unknown]> =>
        field[1] === 'i32s' ? [field[0], 'table', ints(field[2])] : field,
    );
    b.startObject(slots);
    for (const [slot, kind, value] of made)
      if (kind === 'i8' || kind === 'bool') b.addFieldInt8(slot, Number(value), 0);
      else if (kind === 'i32') b.addFieldInt32(slot, Number(value), 0);
      else if (kind === 'f32') b.addFieldFloat32(slot, Number(value), 0);
      else b.addFieldOffset(slot, Number(value), 0);
    return b.endObject();
  };
  const buffer = ({ data }: WrittenTensor): number => {
    if (!data) return table(1, []);
    b.prep(16, data.byteLength); // readers take the elements where they are
    const raw = b.createByteVector(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return table(1, [[0, 'table', raw]]);
  };
  const quantization = ({ scales, zeros, axis = 0 }: WrittenTensor): Field[] => {
    if (!scales) return [];
    const own = table(7, [
      [2, 'table', floats(scales)],
      [3, 'table', longs(zeros ?? scales.map(() => 0))],
      [6, 'i32', axis],
    ]);
    return [[4, 'table', own]];
  };
  const sparsity = ({ sparsity: given }: WrittenTensor): Field[] => {
    if (!given) return [];
    const dimensions = given.dimensions.map((dimension) => {
      if ('size' in dimension) return table(6, [[1, 'i32', dimension.size]]);
      const list = (values: readonly number[]) => table(1, [[0, 'i32s', values]]);
      const [segments, indices] = [list(dimension.segments), list(dimension.indices)];
      return table(6, [
        [0, 'i8', 1],
        [2, 'i8', 1],
        [3, 'table', segments],
        [4, 'i8', 1],
        [5, 'table', indices],
      ]);
    });
    const own = table(3, [
      [0, 'i32s', given.order],
      [1, 'i32s', given.blocks ?? []],
      [2, 'table', offsets(dimensions)],
    ]);
    return [[6, 'table', own]];
  };

  const codes: { readonly builtin: number; readonly custom: string; readonly version: number }[] =
    [];
  const codeOf = ({ builtin, custom = '', version = 1 }: WrittenOperator): number => {
    const found = codes.findIndex((code) => code.builtin === builtin && code.custom === custom);
    return found >= 0 ? found : codes.push({ builtin, custom, version }) - 1;
  };
  // Buffer 0 is empty by convention; tensor i has buffer i + 1.
  const buffers = [table(1, []), ...tensors.map(buffer)];
  const tensorTables = tensors.map((tensor, i) => {
    const { shape, data, signature } = tensor;
    const name = b.createString(tensor.name ?? `t${i}`);
    const type = tensor.type ?? (data instanceof Int32Array ? 'i32' : 'f32');
    const fields: Field[] = [
      [0, 'table', ints(shape)],
      [1, 'i8', elementCodes[type]],
      [2, 'i32', i + 1],
      [3, 'table', name],
      ...quantization(tensor),
      ...sparsity(tensor),
      ...(tensor.variable ? ([[5, 'bool', true]] as const) : []),
      ...(signature ? ([[7, 'i32s', signature]] as const) : []),
    ];
    return table(10, fields);
  });
  const operatorTables = operators.map((operator) => {
    const { options = 0, fields = [], customOptions } = operator;
    const own = options > 0 ? table(8, fields) : 0;
    const raw = customOptions ? b.createByteVector(customOptions) : 0;
    return table(9, [
      [0, 'i32', codeOf(operator)],
      [1, 'i32s', operator.inputs],
      [2, 'i32s', operator.outputs],
      [3, 'i8', options],
      [4, 'table', own],
      [5, 'table', raw],
    ]);
  });
  const subgraph = table(5, [
    [0, 'table', offsets(tensorTables)],
    [1, 'i32s', inputs],
    [2, 'i32s', outputs],
    [3, 'table', offsets(operatorTables)],
  ]);
  const codeTables = codes.map(({ builtin, custom, version }) => {
    const name = custom ? b.createString(custom) : 0;
    // The field of one byte is for readers from before there were 128 operators.
    return table(4, [
      [0, 'i8', Math.min(builtin, 127)],
      [1, 'table', name],
      [2, 'i32', version],
      [3, 'i32', builtin],
    ]);
  });
  const model = table(8, [
    [0, 'i32', 3],
    [1, 'table', offsets(codeTables)],
    [2, 'table', offsets([subgraph])],
    [4, 'table', offsets(buffers)],
  ]);
  b.finish(model, 'TFL3');
  return b.asUint8Array();
}
