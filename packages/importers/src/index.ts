// What @espalier/importers offers to the packages below it.

export { type NpyArray, readNpy } from './npy.ts';
export { type ExternalReader, externalDataIn } from './onnx/external.ts';
export { type ImportOptions, importOnnx } from './onnx/import.ts';
export { importedOps } from './onnx/ops/index.ts';
export { type OnnxModel, type ReadOptions, readOnnx, readOnnxTensor } from './onnx/read.ts';
export { type OperatorUse, type Survey, surveyOnnx } from './onnx/survey.ts';
export { writeOnnx } from './onnx/write.ts';
