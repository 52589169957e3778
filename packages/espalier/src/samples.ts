// `?calib=`: inputs as the network will see them, from .npy files beside the model.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Sample } from '@espalier/compiler';
import { type NpyArray, readNpy } from '@espalier/importers';
import { elementCount, type Graph, type InputNode, type Tensor } from '@espalier/ir';
import { badSamples, noSamples } from './errors.ts';

/** Files of inputs. */
export interface SampleFiles {
  readonly files: readonly string[];
  /** Digest of names and contents. */
  readonly sha256: string;
  /** The inputs that they hold for a graph. */
  samples(graph: Graph): Sample[];
}

/** More than this many inputs teach nothing new, and take time. */
const mostSamples = 256;

/**
 * Finds the inputs of a `calib` directive: one `.npy` file, or all of a folder. A file holds an input, or several
 * along a first axis of their own. Where a graph has several inputs, each has the file `<input>.npy`.
 *
 * @param path Relative to `folder`.
 * @throws {EspalierError} NO_SAMPLES
 */
export function findSamples(path: string, folder: string): SampleFiles {
  const place = resolve(folder, path);
  const files = listFiles(place, path);
  const contents = files.map((file) => readFileSync(file));
  const hash = createHash('sha256');
  contents.forEach((bytes, i) => {
    hash.update(`${basename(files[i]!)} ${bytes.length} `).update(bytes);
  });
  return {
    files,
    sha256: hash.digest('hex'),
    samples: (graph) => samplesOf(graph, files, contents),
  };
}

function listFiles(place: string, path: string): string[] {
  try {
    const names = statSync(place).isDirectory() ? readdirSync(place).sort() : undefined;
    const files = names?.map((name) => join(place, name)) ?? [place];
    const arrays = files.filter((file) => file.endsWith('.npy'));
    if (arrays.length > 0) return arrays;
  } catch (cause) {
    throw noSamples(path, cause);
  }
  throw noSamples(path);
}

function samplesOf(
  { inputs }: Graph,
  files: readonly string[],
  contents: readonly Uint8Array[],
): Sample[] {
  const read = (input: InputNode, index: number) =>
    tensorsOf(input, readNpy(contents[index]!, files[index]!), files[index]!);
  const [only, ...others] = inputs;
  if (!only) return [];
  if (others.length === 0)
    return files
      .flatMap((_, index) => read(only, index))
      .slice(0, mostSamples)
      .map((tensor) => ({ [only.name]: tensor }));
  const columns = inputs.map((input) => {
    const index = files.findIndex((file) => basename(file) === `${input.name}.npy`);
    if (index < 0) throw badSamples(`${input.name}.npy`, 'is not there, for one of several inputs');
    return read(input, index);
  });
  const count = Math.min(mostSamples, ...columns.map((column) => column.length));
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
