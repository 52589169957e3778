// What \`espalier\` offers beside its plugins: building by hand, and the types of models.

export type { CustomLayer, CustomLayers, LayerSite } from '@espalier/importers';
export type {
  ElementArrays,
  Inputs,
  LoadOptions,
  Model,
  Output,
  Outputs,
  ShapedModel,
  Signature,
  TensorInfo,
} from '@espalier/runtime';
export type { Asset, BuiltModel } from './build.ts';
export { type Config, defineConfig, type ModelConfig } from './config.ts';
export { defineTask, type Example, type Task } from './fit/task.ts';
export type { Yielded, YieldedInput } from './inputs/module.ts';
export type { Preprocessing } from './inputs/preprocess.ts';
export type { EspalierOptions } from './plugin.ts';
export { type WrittenModel, writeModel } from './write-model.ts';
