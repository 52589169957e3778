// What @espalier/compiler offers to the packages below it.

export {
  type Compiled,
  type CompileOptions,
  type CompileReport,
  compile,
  compileTogether,
  type Precision,
} from './compile.ts';
export { fitPrices, type ProgramSample, type StepSample } from './devices/fit.ts';
export { type Latency, latency, type StepLatency } from './devices/latency.ts';
export { microKernels } from './devices/micro/index.ts';
export type { MicroKernel } from './devices/micro/micro-kernel.ts';
export {
  type Fact,
  type Profile,
  parseProfile,
  profileFormat,
  showProfile,
} from './devices/profile.ts';
export { type ProfileName, profileNames, profileOf } from './devices/profiles.ts';
export { type Caches, type SimdModule, simdModules, type Work } from './devices/work.ts';
export { type CodeUrls, type FileUrls, modelType, moduleText } from './emit/module.ts';
export type { WeightFormat } from './emit/pack.ts';
export { inFixedPoint, isInFixedPoint } from './fixed-point.ts';
export { applyPass, type Pass } from './pass.ts';
export { optimise, pipeline } from './pipeline.ts';
export { calibrate } from './quantise/calibrate.ts';
export type { Statistics } from './quantise/codes.ts';
export { quantise } from './quantise/quantise.ts';
export { load, placeWeights, type Run, type Sample } from './run-program.ts';
export type { KernelPick } from './targets/wasm/choose.ts';
