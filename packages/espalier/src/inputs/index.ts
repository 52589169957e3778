// The inputs that calibrate and judge: pictures, arrays, what a module yields, or pictures that are made up.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Sample } from '@espalier/compiler';
import {
  elementCount,
  type Graph,
  type InputNode,
  macs,
  randomTensor,
  type Tensor,
} from '@espalier/ir';
import { badSamples, noSamples } from '../errors.ts';
import { loadModule } from '../modules.ts';
import { arraySamples, type ReadFile } from './arrays.ts';
import { learnPreprocessing } from './learn.ts';
import { collect, yieldedSamples } from './module.ts';
import { decodePicture, isPictureName, type Picture } from './picture.ts';
import { type Preprocessing, pictureShape, pictureTensor } from './preprocess.ts';
import { syntheticPicture } from './synthetic.ts';

/** Where inputs are from. */
export type InputKind = 'pictures' | 'arrays' | 'module' | 'synthetic' | 'task';

/** Inputs that were found, and what they become for a graph. */
export interface CalibrationInputs {
  readonly kind: InputKind;
  /** Absolute paths of what was read. */
  readonly files: readonly string[];
  /** Digest of names and contents. */
  readonly sha256: string;
  /**
   * The inputs for a graph.
   *
   * @param graph As it was imported: preprocessing is learnt from what passes fold away.
   */
  samples(graph: Graph): Sample[];
}

/** How inputs are read. */
export interface InputOptions {
  /** By input; `*` for all. */
  readonly preprocessing?: Readonly<Record<string, Preprocessing>>;
  readonly seed?: number;
}

/** Elements that all inputs together have, at most; but so many inputs as a split needs to mean something. */
const mostElements = 2 ** 24;
/** Multiply-adds of one inference on each of them. */
const mostMacs = 1e11;
const fewest = 48;
const most = 2048;

/** How many inputs a search looks at. */
const countFor = (graph: Graph, atMost = most): number => {
  const size = graph.inputs.reduce((sum, { type }) => sum + elementCount(type.shape), 0);
  const count = Math.min(mostElements / Math.max(1, size), mostMacs / Math.max(1, macs(graph)));
  return Math.min(atMost, Math.max(fewest, Math.floor(count)));
};

/** Made-up inputs: fewer, since more of the same adds little. */
const mostSynthetic = 256;

/** So many of a list, spread over it evenly: files come sorted by what they show. */
const spread = <T>(all: readonly T[], count: number): T[] =>
  all.length <= count
    ? [...all]
    : Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)]!);

/** The inputs that a search looks at, of many. */
export const affordable = <T>(graph: Graph, all: readonly T[]): T[] => spread(all, countFor(graph));

/**
 * Finds the inputs of a `calib` directive; without one, makes them up.
 *
 * @param path Relative to `folder`.
 * @throws {EspalierError} NO_SAMPLES, BAD_MODULE, BAD_SAMPLES
 */
export async function findInputs(
  path: string,
  folder: string,
  { preprocessing = {}, seed = 1 }: InputOptions = {},
): Promise<CalibrationInputs> {
  const said = JSON.stringify(preprocessing);
  if (path === '')
    return {
      kind: 'synthetic',
      files: [],
      sha256: digest('synthetic', said, String(seed)),
      samples: (graph) => syntheticSamples(graph, preprocessing, seed),
    };
  const place = resolve(folder, path);
  if (/\.[cm]?[jt]s$/.test(place)) {
    const { default: exported } = await loadModule(place);
    const items = await collect(exported, most, path);
    return {
      kind: 'module',
      files: [place],
      sha256: digest('module', said, JSON.stringify(items.map(plain))),
      samples: (graph) => {
        const convert = converter(graph, preprocessing, []);
        return yieldedSamples(graph, affordable(graph, items), path, convert);
      },
    };
  }
  const files = listFiles(place, path);
  const read = files.map((file): ReadFile => ({ file, bytes: readFileSync(file) }));
  const kind = files.some(isPictureName) ? 'pictures' : 'arrays';
  return {
    kind,
    files,
    sha256: digest(
      said,
      ...read.flatMap(({ file, bytes }) => [`${basename(file)} ${bytes.length} `, bytes]),
    ),
    samples(graph) {
      if (kind === 'arrays') return affordable(graph, arraySamples(graph, read));
      const pictures = affordable(graph, read).map(({ file, bytes }) => decodePicture(bytes, file));
      return pictureSamples(graph, pictures, preprocessing, path);
    },
  };
}

/** The inputs of a task's examples. */
export function exampleSamples(
  graph: Graph,
  items: readonly unknown[],
  file: string,
  preprocessing: Readonly<Record<string, Preprocessing>>,
): Sample[] {
  return yieldedSamples(graph, items, file, converter(graph, preprocessing, []));
}

const digest = (...parts: (string | Uint8Array)[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

/** Typed arrays as lists, for a digest. */
const plain = (value: unknown): unknown =>
  ArrayBuffer.isView(value)
    ? [...(value as Uint8Array)]
    : typeof value === 'object' && value !== null
      ? Object.entries(value).map(([name, own]) => [name, plain(own)])
      : value;

/** Pictures of a folder, or its arrays; never both. */
function listFiles(place: string, path: string): string[] {
  try {
    const names = statSync(place).isDirectory() ? readdirSync(place).sort() : undefined;
    const files = names?.map((name) => join(place, name)) ?? [place];
    const pictures = files.filter(isPictureName);
    const arrays = files.filter((file) => file.endsWith('.npy'));
    if (pictures.length > 0 && arrays.length > 0)
      throw badSamples(path, 'holds pictures and .npy files: keep one kind');
    if (pictures.length + arrays.length > 0) return pictures.length > 0 ? pictures : arrays;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).syscall === undefined) throw cause;
    throw noSamples(path, cause);
  }
  throw noSamples(path);
}

/** How pictures become tensors of a graph, as it is given, or learnt from pictures. */
function converter(
  graph: Graph,
  given: Readonly<Record<string, Preprocessing>>,
  pictures: readonly Picture[],
): (input: InputNode, picture: Picture) => Tensor {
  const known = new Map<InputNode, Preprocessing>();
  return (input, picture) => {
    const own = given[input.name] ?? given['*'];
    const shape = pictureShape(input, own?.layout);
    if (!shape)
      throw badSamples('pictures', `do not fit the input ${input.name} [${input.type.shape}]`);
    const preprocessing =
      known.get(input) ??
      own ??
      learnPreprocessing(graph, input, shape, pictures.length > 0 ? pictures : [picture]);
    known.set(input, preprocessing);
    return pictureTensor(input, shape, Array(shape.count).fill(picture), preprocessing);
  };
}

function pictureSamples(
  graph: Graph,
  pictures: readonly Picture[],
  preprocessing: Readonly<Record<string, Preprocessing>>,
  path: string,
): Sample[] {
  const [only, ...others] = graph.inputs;
  if (!only || others.length > 0)
    throw badSamples(path, `holds pictures, where the network has ${graph.inputs.length} inputs`);
  const convert = converter(graph, preprocessing, pictures);
  return pictures.map((picture) => ({ [only.name]: convert(only, picture) }));
}

/** Pictures for inputs that are pictures, noise for all others. */
export function syntheticSamples(
  graph: Graph,
  preprocessing: Readonly<Record<string, Preprocessing>>,
  seed: number,
): Sample[] {
  const count = Math.min(mostSynthetic, countFor(graph, mostSynthetic));
  const learnt = new Map<InputNode, (input: InputNode, picture: Picture) => Tensor>();
  return Array.from({ length: count }, (_, i) =>
    Object.fromEntries(
      graph.inputs.map((input, k) => {
        const own = 1 + i + count * (k + graph.inputs.length * seed);
        const shape = pictureShape(
          input,
          (preprocessing[input.name] ?? preprocessing['*'])?.layout,
        );
        if (!shape) return [input.name, randomTensor(input.type, own)];
        const picture = (at: number) => syntheticPicture(shape.width, shape.height, at);
        const convert =
          learnt.get(input) ??
          converter(graph, preprocessing, [picture(own), picture(own + 1), picture(own + 2)]);
        learnt.set(input, convert);
        return [input.name, convert(input, picture(own))];
      }),
    ),
  );
}
