// TF.js itself, on its plain JavaScript backend: the oracle of TF.js models.

import '@tensorflow/tfjs-backend-cpu';
import type { Tensor } from '@espalier/ir';
import { loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import { loadLayersModel } from '@tensorflow/tfjs-layers';
import type { TfjsFile } from './tfjs-models.ts';

interface Manifest {
  readonly paths: readonly string[];
  readonly weights: readonly object[];
}

// TF.js advises to install another backend.
tf.env().set('IS_TEST', true);

/** What TF.js' loaders take. */
function handlerOf({ bytes, external }: TfjsFile): tf.io.IOHandler {
  const { weightsManifest, ...rest } = JSON.parse(new TextDecoder().decode(bytes())) as {
    readonly weightsManifest: readonly Manifest[];
  };
  const shards = weightsManifest.flatMap(({ paths }) => paths.map((path) => external(path, 0)));
  const artifacts = {
    ...rest,
    weightSpecs: weightsManifest.flatMap(({ weights }) => weights),
    weightData: new Uint8Array(Buffer.concat(shards)).buffer,
  };
  return { load: async () => artifacts as tf.io.ModelArtifacts }; // a file that the tests have
}

const toTf = ({ type, data }: Tensor): tf.Tensor =>
  tf.tensor(
    type.dtype === 'f32' ? (data as Float32Array) : Int32Array.from(data),
    [...type.shape],
    type.dtype === 'f32' ? 'float32' : type.dtype === 'bool' ? 'bool' : 'int32',
  );

function fromTf(tensor: tf.Tensor): Tensor {
  const data = tensor.dataSync();
  const shape = tensor.shape;
  if (tensor.dtype === 'float32')
    return { type: { dtype: 'f32', shape }, data: Float32Array.from(data) };
  if (tensor.dtype === 'bool')
    return { type: { dtype: 'bool', shape }, data: Uint8Array.from(data) };
  return { type: { dtype: 'i32', shape }, data: Int32Array.from(data) };
}

const listOf = (given: unknown): tf.Tensor[] =>
  // What TF.js' models give.
  (Array.isArray(given) ? given : [given]) as tf.Tensor[];

/** Results of a graph model's nodes. */
export async function graphModelOutputs(
  file: TfjsFile,
  inputs: Readonly<Record<string, Tensor>>,
  names: readonly string[],
): Promise<Tensor[]> {
  await tf.setBackend('cpu');
  const model = await loadGraphModel(handlerOf(file));
  const fed = Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, toTf(x)]));
  return listOf(await model.executeAsync(fed, [...names])).map(fromTf);
}

/** Outputs of a layers model, in order. */
export async function layersModelOutputs(
  file: TfjsFile,
  inputs: readonly Tensor[],
): Promise<Tensor[]> {
  await tf.setBackend('cpu');
  const model = await loadLayersModel(handlerOf(file));
  const fed = inputs.map(toTf);
  const results = listOf(model.predict(fed.length === 1 ? fed[0]! : fed));
  return results.map(fromTf);
}
