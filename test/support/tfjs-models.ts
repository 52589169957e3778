// The trained TF.js models of the shared data, and of npm packages that it has references for.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import {
  type ExternalReader,
  externalDataIn,
  importTfjs,
  readTfjs,
  tfjsInputs,
} from '@espalier/importers';
import type { Graph, Tensor } from '@espalier/ir';
import { readNpy } from './npy.ts';
import type { Running } from './run-compiled.ts';
import { sharedData } from './shared-data.ts';
import {
  mapValues,
  type Picture,
  readJson,
  readPicture,
  readSamples,
  type Samples,
  type Spec,
} from './trained-models.ts';

/** The bytes of a TF.js model, and what reads its weights. */
export interface TfjsFile {
  readonly file: string;
  bytes(): Uint8Array;
  readonly external: ExternalReader;
}

/** One model with one set of inputs. */
export interface TfjsCase extends TfjsFile {
  readonly title: string;
  readonly model: string;
  /** In the order of the model's inputs: layers are named anew wherever they are loaded. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Samples>>;
  /** Of the largest magnitude of an output: 1e-3 where weights are stored as halves. */
  readonly tolerance: number;
}

const require = createRequire(import.meta.url);

/** The folder of an installed package, whatever its `exports` hide; `undefined` without it. */
export const packageFolder = (name: string): string | undefined =>
  (require.resolve.paths(name) ?? [])
    .map((path) => join(path, name))
    .find((folder) => existsSync(join(folder, 'package.json')));

/** A `model.json` with its weights beside it. */
export const tfjsFile = (file: string): TfjsFile => ({
  file,
  bytes: () => readFileSync(file),
  external: externalDataIn(dirname(file), basename(file)),
});

/** A model whose files are scripts: JSON, and weights in base64. */
export function scriptedTfjs(folder: string): TfjsFile {
  const load = (name: string): unknown => require(join(folder, `${name}.min.js`));
  return {
    file: join(folder, 'model.min.js'),
    bytes: () => Buffer.from(JSON.stringify(load('model'))),
    external: (location) => Buffer.from(load(location) as string, 'base64'), // the script's one export
  };
}

function fileOf(folder: string, { package: given, package_file: path }: Spec) {
  if (!given || !path) return tfjsFile(join(folder, 'model.json'));
  const root = packageFolder(given.replace(/@[^@]*$/, ''));
  if (!root) return undefined;
  if (path.includes('.min.js')) return scriptedTfjs(join(root, dirname(path.split(' ')[0]!)));
  return tfjsFile(join(root, path.split(' ')[0]!));
}

function tensorOf(folder: string, picture: Picture & { readonly dtype?: string }): Tensor {
  const { shape, data } = readPicture(folder, picture);
  if (picture.dtype !== 'int32') return { type: { dtype: 'f32', shape }, data };
  return { type: { dtype: 'i32', shape }, data: Int32Array.from(data, Math.round) };
}

/** The second input of the one network that has two. */
function style(folder: string): Record<string, Tensor> {
  const file = join(folder, 'style-100.npy');
  if (!existsSync(file)) return {};
  // The shared data's floats are float32.
  const data = readNpy(readFileSync(file)).data as Float32Array;
  return { Placeholder_1: { type: { dtype: 'f32', shape: [1, 1, 1, data.length] }, data } };
}

/** Every case of every trained TF.js model that is here; the files are read as the list is walked. */
export function* tfjsCases(): Generator<TfjsCase> {
  for (const group of ['models', 'models-npm'])
    for (const model of readdirSync(sharedData(group)).sort()) {
      const folder = sharedData(group, model);
      if (!existsSync(join(folder, 'spec.json'))) continue;
      // The shared data is ours to trust; its README says what a spec holds.
      const spec = readJson(join(folder, 'spec.json')) as Spec;
      const source = spec.format?.startsWith('tfjs') ? fileOf(folder, spec) : undefined;
      if (!source) continue;
      const halves = /"quantization":\s*{\s*"dtype":\s*"float16"/.test(`${source.bytes()}`);
      for (const { name, inputs, outputs } of spec.cases)
        yield {
          ...source,
          title: `${model} (${name})`,
          model,
          inputs: {
            ...mapValues(inputs, (picture) => tensorOf(folder, picture)),
            ...style(folder),
          },
          outputs: mapValues(outputs, (output) => readSamples(join(folder, output.file), output)),
          tolerance: halves ? 1e-3 : 1e-4,
        };
    }
}

/** The inputs under the names that the importer gives them. */
const renamed = <T>(given: Readonly<Record<string, T>>, names: readonly string[]) =>
  Object.fromEntries(
    Object.entries(given).map(([name, value], i) => [
      names.includes(name) ? name : (names[i] ?? name),
      value,
    ]),
  );

/** The graph of a trained model, for the shapes of its inputs. */
export function tfjsGraphOf({ file, bytes, external, inputs }: TfjsCase): Graph {
  const options = { file: basename(file), external };
  const model = readTfjs(bytes(), options);
  const shapes = mapValues(renamed(inputs, tfjsInputs(model, options)), ({ type }) => type.shape);
  return importTfjs(model, { ...options, shapes });
}

/** The greatest error over all outputs, each relative to its greatest magnitude. */
export function tfjsErrorOf(graph: Graph, running: Running, { inputs, outputs }: TfjsCase): number {
  const names = graph.inputs.map(({ name }) => name);
  const results = running.run(renamed(inputs, names));
  const expected = renamed(
    outputs,
    graph.outputs.map(({ name }) => name),
  );
  let worst = 0;
  for (const [name, { samples, stride, maxabs }] of Object.entries(expected)) {
    const { data } = results[name]!;
    samples.forEach((value, i) => {
      const error = Math.abs(value - data[i * stride]!) / maxabs;
      if (!(error <= worst)) worst = error;
    });
  }
  return worst;
}
