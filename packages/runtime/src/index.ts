// What @espalier/runtime offers to generated modules, and to the packages below it.

export { EspalierError } from './errors.ts';
export type { Files, Progress } from './instance.ts';
export {
  createModel,
  type ElementArrays,
  type Inputs,
  type LoadOptions,
  type Model,
  type ModelSource,
  type Output,
  type Outputs,
  type Signature,
  type TensorInfo,
} from './model.ts';
export type { Port, PortDType, Program, Step } from './program.ts';
export {
  chooseByShape,
  type ShapedInput,
  type ShapedInputs,
  type ShapedModel,
  type ShapedOutputs,
} from './shapes.ts';
