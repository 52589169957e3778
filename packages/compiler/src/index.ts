// What @espalier/compiler offers to the packages below it.

export { type Compiled, type CompileOptions, type CompileReport, compile } from './compile.ts';
export { type FileUrls, modelType, moduleText } from './emit/module.ts';
export type { WeightFormat } from './emit/weights.ts';
export { applyPass, type Pass } from './pass.ts';
export { optimise, pipeline } from './pipeline.ts';
