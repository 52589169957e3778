// What \`espalier\` offers beside its plugins: building by hand, and the types of models.

export type { CustomLayer, CustomLayers, LayerSite } from '@espalier/importers';
export type {
  ElementArrays,
  Inputs,
  LoadOptions,
  Model,
  Output,
  Outputs,
  Signature,
  TensorInfo,
} from '@espalier/runtime';
export type { Asset, BuiltModel } from './build.ts';
export type { EspalierOptions } from './plugin.ts';
export { type WrittenModel, writeModel } from './write-model.ts';
