// The formats of model files, each recognised by its content.

import type { Graph } from '@espalier/ir';
import type { ExternalReader } from './external.ts';
import { importOnnx } from './onnx/import.ts';
import { withOutputs as withOnnxOutputs } from './onnx/outputs.ts';
import { readOnnx } from './onnx/read.ts';
import { surveyOnnx } from './onnx/survey.ts';
import type { Survey } from './survey.ts';
import type { PlanOptions } from './tensorflow/plan.ts';
import { importTfjs, surveyTfjs, tfjsInputs } from './tfjs/import.ts';
import type { CustomLayers } from './tfjs/layers/layer.ts';
import { isTfjs, readTfjs } from './tfjs/read.ts';
import { importTflite, tfliteInputs } from './tflite/import.ts';
import { withOutputs as withTfliteOutputs } from './tflite/outputs.ts';
import { isTflite, readTflite } from './tflite/read.ts';
import { surveyTflite } from './tflite/survey.ts';

/** Where a model comes from. */
export interface OpenOptions {
  /** The model's name, for messages. */
  readonly file: string;
  /** Reads data that the model keeps beside it. */
  readonly external?: ExternalReader;
  /** Importers of TF.js layers that are not Keras' own, by class name. */
  readonly customLayers?: CustomLayers | undefined;
  /** Values of the model that become its outputs, in place of those that it declares. */
  readonly outputs?: readonly string[] | undefined;
}

/** How the inputs of a model are closed. */
export type CloseOptions = Pick<PlanOptions, 'shapes' | 'values'>;

/** A model that has been read and checked. */
export interface OpenModel {
  /** The names of its inputs, in order. */
  readonly inputs: readonly string[];
  /** @throws {EspalierError} as the importer of the format does */
  import(options: CloseOptions): Graph;
  /** @throws {EspalierError} as the survey of the format does */
  survey(options: CloseOptions): Survey;
}

interface Format {
  readonly name: string;
  recognises(bytes: Uint8Array): boolean;
  /** @throws {EspalierError} as the reader of the format does */
  open(bytes: Uint8Array, options: OpenOptions): OpenModel;
}

const tflite: Format = {
  name: 'TFLite',
  recognises: isTflite,
  open(bytes, options) {
    const model = withTfliteOutputs(readTflite(bytes, options), options.outputs, options.file);
    return {
      inputs: tfliteInputs(model),
      import: (closing) => importTflite(model, { ...options, ...closing }),
      survey: (closing) => surveyTflite(model, { ...options, ...closing }),
    };
  },
};

const tfjs: Format = {
  name: 'TF.js',
  recognises: isTfjs,
  open(bytes, options) {
    const model = readTfjs(bytes, options);
    return {
      inputs: tfjsInputs(model, options),
      import: (closing) => importTfjs(model, { ...options, ...closing }),
      survey: (closing) => surveyTfjs(model, { ...options, ...closing }),
    };
  },
};

const onnx: Format = {
  name: 'ONNX',
  recognises: () => true,
  open(bytes, options) {
    const model = withOnnxOutputs(readOnnx(bytes, options), options.outputs);
    const stored = new Set(model.graph.initializer.map(({ name }) => name));
    const inputs = model.graph.input.map(({ name }) => name);
    return {
      inputs: inputs.filter((name) => !stored.has(name)),
      import: (closing) => importOnnx(model, { ...options, ...closing }),
      survey: (closing) => surveyOnnx(model, { ...options, ...closing }),
    };
  },
};

/** In the order in which they are tried. ONNX files carry no mark, so that ONNX is what no other format claims. */
const formats: readonly Format[] = [tflite, tfjs, onnx];

/** Reads a model of any format. @throws {EspalierError} as the reader of the format does */
export function openModel(bytes: Uint8Array, options: OpenOptions): OpenModel {
  const format = formats.find((one) => one.recognises(bytes)) ?? onnx;
  return format.open(bytes, options);
}
