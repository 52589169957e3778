// Small TF.js models, written as the converter writes them.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { elementCount, type Tensor } from '@espalier/ir';
import type { TfjsFile } from './tfjs-models.ts';

/** An attribute of a node, as TensorFlow types it. */
export type Attribute = Readonly<Record<string, unknown>>;

/** Makers of attributes. */
export const attr = {
  int: (i: number): Attribute => ({ i: `${i}` }),
  float: (f: number): Attribute => ({ f }),
  flag: (b: boolean): Attribute => ({ b }),
  text: (s: string): Attribute => ({ s: Buffer.from(s).toString('base64') }),
  ints: (list: readonly number[]): Attribute => ({ list: { i: list.map((i) => `${i}`) } }),
  texts: (list: readonly string[]): Attribute => ({
    list: { s: list.map((s) => Buffer.from(s).toString('base64')) },
  }),
  type: (type: string): Attribute => ({ type }),
  shape: (extents: readonly number[]): Attribute => ({
    shape: { dim: extents.map((size) => ({ size: `${size}` })) },
  }),
  /** A function of the library. */
  func: (name: string): Attribute => ({ func: { name } }),
} as const;

/** A node of a graph model. */
export interface TfNode {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: Readonly<Record<string, Attribute>>;
}

const dtypes = {
  f32: ['DT_FLOAT', 'float32'],
  i32: ['DT_INT32', 'int32'],
  bool: ['DT_BOOL', 'bool'],
} as const;

const namesOf = ({ type }: Tensor) => dtypes[type.dtype as keyof typeof dtypes]; // models have no codes

/** A manifest over tensors, and the bytes of its one shard. */
export function manifestOf(weights: Readonly<Record<string, Tensor>>) {
  const specs = Object.entries(weights).map(([name, tensor]) => ({
    name,
    shape: tensor.type.shape,
    dtype: namesOf(tensor)[1],
  }));
  const parts = Object.values(weights).map(({ data }) =>
    Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  );
  return {
    weightsManifest: [{ paths: ['weights.bin'], weights: specs }],
    bytes: new Uint8Array(Buffer.concat(parts)),
  };
}

/** A model in memory. */
export const inMemory = (json: object, shard: Uint8Array): TfjsFile => ({
  file: 'model.json',
  bytes: () => Buffer.from(JSON.stringify(json)),
  external: (_, offset, length) =>
    shard.subarray(offset, length === undefined ? undefined : offset + length),
});

/** A graph model: placeholders for the inputs, constants, nodes, and the outputs by name. */
export function graphModel({
  inputs = {},
  constants = {},
  nodes,
  outputs,
  library = [],
}: {
  readonly inputs?: Readonly<Record<string, Tensor>>;
  readonly constants?: Readonly<Record<string, Tensor>>;
  readonly nodes: readonly TfNode[];
  readonly outputs: readonly string[];
  readonly library?: readonly object[];
}): TfjsFile {
  const shapeOf = ({ type }: Tensor) => ({ dim: type.shape.map((size) => ({ size: `${size}` })) });
  const own = (op: string, name: string, tensor: Tensor) => ({
    name,
    op,
    attr: { dtype: { type: namesOf(tensor)[0] }, shape: { shape: shapeOf(tensor) } },
  });
  const info = (name: string, tensor?: Tensor) => [
    name,
    { name, ...(tensor && { dtype: namesOf(tensor)[0], tensorShape: shapeOf(tensor) }) },
  ];
  const { weightsManifest, bytes } = manifestOf(constants);
  return inMemory(
    {
      format: 'graph-model',
      modelTopology: {
        node: [
          ...Object.entries(inputs).map(([name, tensor]) => own('Placeholder', name, tensor)),
          ...Object.entries(constants).map(([name, tensor]) => own('Const', name, tensor)),
          ...nodes.map(({ name, op, input = [], attr = {} }) => ({ name, op, input, attr })),
        ],
        library: { function: library },
        versions: {},
      },
      signature: {
        inputs: Object.fromEntries(
          Object.entries(inputs).map(([name, tensor]) => info(name, tensor)),
        ),
        outputs: Object.fromEntries(outputs.map((name) => info(name))),
      },
      weightsManifest,
    },
    bytes,
  );
}

/** A function of a library: its parameters, its nodes, and which result of which node it gives. */
export const tfFunction = (
  name: string,
  parameters: readonly string[],
  nodes: readonly TfNode[],
  results: Readonly<Record<string, string>>,
): object => ({
  signature: {
    name,
    inputArg: parameters.map((name) => ({ name })),
    outputArg: Object.keys(results).map((name) => ({ name })),
  },
  nodeDef: nodes.map(({ name, op, input = [], attr = {} }) => ({ name, op, input, attr })),
  ret: results,
});

/** Writes a model into a folder; gives the path of its `model.json`. */
export function writeTfjs(folder: string, model: TfjsFile): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'model.json'), model.bytes());
  writeFileSync(join(folder, 'weights.bin'), model.external('weights.bin', 0));
  return join(folder, 'model.json');
}

/** A tensor of given numbers. */
export const floats = (shape: readonly number[], values: readonly number[]): Tensor => ({
  type: { dtype: 'f32', shape },
  data: Float32Array.from({ length: elementCount(shape) }, (_, i) => values[i % values.length]!),
});

/** A list of whole numbers. */
export const whole = (...values: readonly number[]): Tensor => ({
  type: { dtype: 'i32', shape: [values.length] },
  data: Int32Array.from(values),
});

/** One whole number. */
export const scalar = (value: number): Tensor => ({
  type: { dtype: 'i32', shape: [] },
  data: Int32Array.of(value),
});
