// Inputs from `.npy` files: as the network takes them.

import { basename } from 'node:path';
import type { Sample } from '@espalier/compiler';
import { type NpyArray, readNpy } from '@espalier/importers';
import { elementCount, type Graph, type InputNode, type Tensor } from '@espalier/ir';
import { badSamples } from '../errors.ts';

/** A file that was read. */
export interface ReadFile {
  readonly file: string;
  readonly bytes: Uint8Array;
}

/**
 * The inputs that arrays hold. A file holds an input, or several along a first axis of their own. Where a graph has
 * several inputs, each has the file `<input>.npy`.
 *
 * @throws {EspalierError} BAD_SAMPLES, BAD_ARRAY
 */
export function arraySamples({ inputs }: Graph, files: readonly ReadFile[]): Sample[] {
  const read = (input: InputNode, { file, bytes }: ReadFile) =>
    tensorsOf(input, readNpy(bytes, file), file);
  const [only, ...others] = inputs;
  if (!only) return [];
  if (others.length === 0)
    return files.flatMap((file) => read(only, file)).map((tensor) => ({ [only.name]: tensor }));
  const columns = inputs.map((input) => {
    const found = files.find(({ file }) => basename(file) === `${input.name}.npy`);
    if (!found) throw badSamples(`${input.name}.npy`, 'is not there, for one of several inputs');
    return read(input, found);
  });
  const count = Math.min(...columns.map((column) => column.length));
  return Array.from({ length: count }, (_, i) =>
    Object.fromEntries(inputs.map(({ name }, column) => [name, columns[column]![i]!])),
  );
}

/** The inputs that a file holds. */
function tensorsOf({ name, type }: InputNode, { shape, data }: NpyArray, file: string): Tensor[] {
  const size = elementCount(type.shape);
  const own = type.shape.filter((extent) => extent !== 1).join();
  const rest = shape.filter((extent) => extent !== 1);
  const isOne = rest.join() === own;
  if (!isOne && rest.slice(1).join() !== own)
    throw badSamples(file, `holds [${shape}], where input ${name} is [${type.shape}]`);
  const make = (values: Float32Array): Tensor => ({
    type,
    data: type.dtype === 'f32' ? values : Int32Array.from(values),
  });
  return Array.from({ length: isOne ? 1 : rest[0]! }, (_, i) =>
    make(data.slice(i * size, (i + 1) * size)),
  );
}
