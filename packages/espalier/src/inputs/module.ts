// Inputs from a module: anything that yields tensors or pictures.

import type { Sample } from '@espalier/compiler';
import { elementCount, type Graph, type InputNode, type Tensor } from '@espalier/ir';
import { badSamples } from '../errors.ts';
import type { Picture } from './picture.ts';

/** What a module may yield for one input: elements in the network's own order, or a picture of RGB or RGBA bytes. */
export type YieldedInput =
  | ArrayLike<number>
  | { readonly data: ArrayLike<number>; readonly width?: number; readonly height?: number };

/** What a module yields: the value of the only input, or of each by name. */
export type Yielded = YieldedInput | Readonly<Record<string, YieldedInput>>;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' &&
  value !== null &&
  !ArrayBuffer.isView(value) &&
  !Array.isArray(value);

const isNumbers = (value: unknown): value is ArrayLike<number> =>
  (ArrayBuffer.isView(value) && 'length' in value) ||
  (Array.isArray(value) && value.every((each) => typeof each === 'number'));

/** Everything that a module's export yields: a list, an iterator, or a function that returns one. */
export async function collect(exported: unknown, most: number, file: string): Promise<unknown[]> {
  const given: unknown = typeof exported === 'function' ? await exported() : await exported;
  const items: unknown[] = [];
  const iterable = given as Partial<Iterable<unknown> & AsyncIterable<unknown>> | null;
  if (!iterable?.[Symbol.asyncIterator] && !iterable?.[Symbol.iterator])
    throw badSamples(file, 'does not export a list or an iterator of inputs');
  for await (const item of iterable as AsyncIterable<unknown>) {
    items.push(item);
    if (items.length >= most) break;
  }
  return items;
}

/** The inputs that were yielded; pictures become tensors by `toTensor`. */
export function yieldedSamples(
  { inputs }: Graph,
  items: readonly unknown[],
  file: string,
  toTensor: (input: InputNode, picture: Picture) => Tensor,
): Sample[] {
  const [only] = inputs;
  return items.map((item, index) =>
    Object.fromEntries(
      inputs.map((input) => {
        const named = isRecord(item) && input.name in item ? item[input.name] : undefined;
        const own = named ?? (input === only && inputs.length === 1 ? item : undefined);
        return [input.name, tensorOf(input, own, `${file}, input ${index + 1},`, toTensor)];
      }),
    ),
  );
}

function tensorOf(
  input: InputNode,
  value: unknown,
  place: string,
  toTensor: (input: InputNode, picture: Picture) => Tensor,
): Tensor {
  const { type, name } = input;
  const data = isRecord(value) ? value.data : value;
  if (!isNumbers(data)) throw badSamples(place, `has no numbers for ${name}`);
  const { width, height } = isRecord(value) ? value : {};
  if (typeof width === 'number' && typeof height === 'number')
    return toTensor(input, pictureOf(data, width, height, place));
  if (data.length !== elementCount(type.shape))
    throw badSamples(place, `has ${data.length} numbers for ${name} [${type.shape}]`);
  return {
    type,
    data: type.dtype === 'f32' ? Float32Array.from(data) : Int32Array.from(data),
  };
}

function pictureOf(data: ArrayLike<number>, width: number, height: number, place: string): Picture {
  const channels = data.length / (width * height);
  if (channels !== 3 && channels !== 4)
    throw badSamples(place, `has ${data.length} bytes for a picture of ${width} × ${height}`);
  const rgb = Uint8Array.from(
    { length: 3 * width * height },
    (_, i) => data[Math.floor(i / 3) * channels + (i % 3)]!,
  );
  return { width, height, data: rgb };
}
