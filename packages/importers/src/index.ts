// What @espalier/importers offers to the packages below it.

export { type ExternalReader, externalDataIn } from './external.ts';
export { type CloseOptions, type OpenModel, openModel } from './formats.ts';
export { type NpyArray, readNpy } from './npy.ts';
export { type ImportOptions, importOnnx } from './onnx/import.ts';
export { importedOps } from './onnx/ops/index.ts';
export { outlineOnnx, type ReadPart } from './onnx/outline.ts';
export { type OnnxModel, type ReadOptions, readOnnx, readOnnxTensor } from './onnx/read.ts';
export { surveyOnnx } from './onnx/survey.ts';
export { writeOnnx } from './onnx/write.ts';
export { type NamedTensors, readSafetensors, writeSafetensors } from './safetensors.ts';
export type { OperatorUse, Survey } from './survey.ts';
export { importedTfjsOps } from './tfjs/graph/known.ts';
export { type ImportTfjsOptions, importTfjs, surveyTfjs, tfjsInputs } from './tfjs/import.ts';
export { importedLayers } from './tfjs/layers/index.ts';
export type { CustomLayer, CustomLayers, LayerSite } from './tfjs/layers/layer.ts';
export { isTfjs, readTfjs, type TfjsModel, type TfjsReadOptions } from './tfjs/read.ts';
export { type ImportTfliteOptions, importTflite, tfliteInputs } from './tflite/import.ts';
export { type ImportedTfliteOp, importedTfliteOps } from './tflite/ops/index.ts';
export { isTflite, readTflite, type TfliteModel } from './tflite/read.ts';
export { surveyTflite } from './tflite/survey.ts';
