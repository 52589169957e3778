// TFLite models of one quantised operator: floats become codes, an operator works on codes, codes become floats.

import { seeded } from './hostile.ts';
import type { Field, WrittenOperator, WrittenTensor } from './write-tflite.ts';
import { writeTflite } from './write-tflite.ts';

/** How a tensor is quantised. */
export interface Codes {
  readonly scale: number;
  readonly zero: number;
}

/** One operator over codes. */
export interface QuantisedOperator {
  readonly builtin: number;
  readonly type: 'i8' | 'u8';
  /** Inputs, in order. */
  readonly inputs: readonly (Codes & { readonly shape: readonly number[] })[];
  /** Weights as operand 1, with a scale for each slice of `axis`; a bias as operand 2. */
  readonly weights?: {
    readonly shape: readonly number[];
    readonly axis: number;
    readonly perChannel: boolean;
    readonly zero?: number;
  };
  /** Constants of whole numbers behind all else: axes, shapes, margins. */
  readonly extra?: readonly { readonly shape: readonly number[]; readonly data: Int32Array }[];
  readonly output: Codes;
  readonly options?: number;
  readonly fields?: readonly Field[];
  readonly version?: number;
}

const count = (shape: readonly number[]) => shape.reduce((product, extent) => product * extent, 1);

/** The file, for a result of a given shape. */
export function quantisedFile(operator: QuantisedOperator, shape: readonly number[]): Uint8Array {
  const { builtin, type, inputs, weights, extra = [], output, options, fields, version } = operator;
  const random = seeded(11);
  const tensors: WrittenTensor[] = [];
  const operators: WrittenOperator[] = [];
  const add = (tensor: WrittenTensor) => tensors.push(tensor) - 1;
  const ports: number[] = [];
  const operands = inputs.map((input, i) => {
    const port = add({ shape: input.shape, name: `x${i}` });
    const codes = add({ shape: input.shape, type, scales: [input.scale], zeros: [input.zero] });
    ports.push(port);
    operators.push({ builtin: 114, inputs: [port], outputs: [codes] });
    return codes;
  });
  if (weights) {
    const { shape: filter, axis, perChannel, zero = 0 } = weights;
    const channels = filter[axis]!;
    const data = Int8Array.from({ length: count(filter) }, () => Math.floor(random() * 255) - 127);
    const bytes = type === 'u8' ? Uint8Array.from(data, (value) => value + 127) : data;
    const scales = Array.from({ length: perChannel ? channels : 1 }, () =>
      Math.fround(0.004 + random() * 0.01),
    );
    const zeros = scales.map(() => zero);
    operands.push(
      add({ shape: filter, type, data: bytes, scales, zeros, axis: perChannel ? axis : 0 }),
    );
    const bias = Int32Array.from({ length: channels }, () => Math.floor(random() * 4000) - 2000);
    const of = scales.map((scale) => scale * inputs[0]!.scale);
    operands.push(add({ shape: [channels], type: 'i32', data: bias, scales: of }));
  }
  for (const { shape: extents, data } of extra) operands.push(add({ shape: extents, data }));
  const codes = add({ shape, type, scales: [output.scale], zeros: [output.zero] });
  operators.push({
    builtin,
    inputs: operands,
    outputs: [codes],
    ...(options && { options, fields: fields ?? [] }),
    ...(version && { version }),
  });
  const y = add({ shape, name: 'y' });
  operators.push({ builtin: 6, inputs: [codes], outputs: [y], version: 2 });
  return writeTflite({ tensors, operators, inputs: ports, outputs: [y] });
}
