// The failures of importing, one maker a code.

import { EspalierError, type Location } from '@espalier/ir';

/** A model file is damaged, or breaks the rules of its own format. */
export const badModel = (message: string, at: Location, cause?: unknown): EspalierError =>
  new EspalierError('BAD_MODEL', message, {
    at,
    hint: 'the file is damaged or not what its name says; export or download it again',
    cause,
  });

/** A model asks for more memory or work than any device has. */
export const modelTooLarge = (message: string, at: Location, cause?: unknown): EspalierError =>
  new EspalierError('MODEL_TOO_LARGE', message, {
    at,
    cause,
    hint: 'check the dimensions in the model and in ?shape=',
  });

/** Data outside the model file is missing, damaged, or outside the model's folder. */
export const badExternalData = (message: string, at: Location, cause?: unknown): EspalierError =>
  new EspalierError('BAD_EXTERNAL_DATA', message, {
    at,
    hint: 'keep the data file beside the model, under the name that the model gives',
    cause,
  });

/** Some of a model's operators have no importer; all of them are listed. */
export const unsupportedOp = (
  uses: readonly string[],
  at: Location,
  folder = 'packages/importers/src/onnx/ops',
): EspalierError =>
  new EspalierError(
    'UNSUPPORTED_OP',
    `${uses.length === 1 ? 'one operator has' : `${uses.length} operators have`} no importer:\n${uses
      .map((use) => `  ${use}`)
      .join('\n')}`,
    {
      at,
      hint: `add it in ${folder}, or export the model without it`,
    },
  );

/** An operator is known, but not this use of it. */
export const unsupportedUse = (message: string, at: Location): EspalierError =>
  new EspalierError('UNSUPPORTED_USE', message, {
    at,
    hint: 'export the model without this attribute or input',
  });

/** Values have an element type that the graph cannot hold. */
export const unsupportedType = (message: string, at: Location): EspalierError =>
  new EspalierError('UNSUPPORTED_TYPE', message, {
    at,
    hint: 'convert the model to float32, int32, int64 or bool',
  });

/** A value that shapes depend on is known only when the model runs. */
export const notConstant = (message: string, at: Location): EspalierError =>
  new EspalierError('NOT_CONSTANT', message, {
    at,
    hint: 'export the model with fixed shapes, close its inputs with ?shape=, or name outputs before this place with ?outputs=',
  });

/** Inputs have dimensions which neither the model nor the caller gives. */
export const openShape = (inputs: readonly string[], example: string, at: Location) =>
  new EspalierError('OPEN_SHAPE', `dimensions are left open:\n${inputs.join('\n')}`, {
    at,
    hint: `close them with ?shape=${example}`,
  });

/** The caller's shapes do not fit the model. */
export const badInputShape = (message: string, at: Location, hint: string): EspalierError =>
  new EspalierError('BAD_INPUT_SHAPE', message, { at, hint });

/** The caller names an output that the model does not compute. */
export const noOutput = (name: string, outputs: readonly string[], at: Location): EspalierError =>
  new EspalierError('NO_OUTPUT', `the model has no value ${name}`, {
    at,
    hint: `its own outputs are ${outputs.join(', ') || 'none'}; any other value or node can be named too`,
  });

/** A graph that is to be written has an op without a counterpart in ONNX. */
export const notInOnnx = (what: string): EspalierError =>
  new EspalierError('NOT_IN_ONNX', `${what} cannot be written as ONNX`, {
    hint: 'only some ops of detectors are left out: write the graph before them',
  });

/** A file of an array is damaged, or of a kind that is not read. */
export const badArray = (file: string, message: string, cause?: unknown): EspalierError =>
  new EspalierError('BAD_ARRAY', `${file}: ${message}`, {
    at: { file },
    hint: file.endsWith('.npy')
      ? 'save it with numpy.save, as float32 in C order'
      : 'write the file again; it may have been cut off',
    cause,
  });
