// The failures of building a model for an app, one maker a code; and how errors reach the user.

import { EspalierError } from '@espalier/ir';

/** A query names a directive that does not exist. */
export const unknownDirective = (name: string, nearest: string | undefined, all: string) =>
  new EspalierError('UNKNOWN_DIRECTIVE', `there is no directive ${JSON.stringify(name)}`, {
    hint: nearest ? `did you mean ${nearest}?` : `the directives are ${all}`,
  });

/** A directive has a value that it does not take. */
export const badDirective = (name: string, value: string, hint: string): EspalierError =>
  new EspalierError('BAD_DIRECTIVE', `${name}=${value} is not a value of ${name}`, { hint });

/** A directive or one of its values is known, but its machinery is not in this version. */
export const laterDirective = (what: string, why: string): EspalierError =>
  new EspalierError('LATER_DIRECTIVE', `${what} is not available in this version: ${why}`, {
    hint: 'leave it out; nothing is ignored silently',
  });

/** The command line names an option that the command does not have. */
export const unknownOption = (name: string, nearest: string | undefined, all: string) =>
  new EspalierError('UNKNOWN_OPTION', `there is no option --${name}`, {
    hint: nearest ? `did you mean --${nearest}?` : `the options are ${all}`,
  });

/** A target has no profile to read. */
export const noProfile = (target: string, file: string, cause: unknown): EspalierError =>
  new EspalierError('NO_PROFILE', `target=${target}: there is no profile ${file}`, {
    hint:
      target === 'local'
        ? 'run `espalier calibrate --local` once on this machine'
        : 'write one with `espalier calibrate`; paths are relative to the model',
    cause,
  });

/** What a device reports of a calibration cannot be used. */
export const badMeasurements = (message: string, cause?: unknown): EspalierError =>
  new EspalierError('BAD_MEASUREMENTS', `the measurements of the device: ${message}`, {
    hint: 'open the page of this very calibration again, and let it finish',
    cause,
  });

/** No Chromium or Chrome is found to calibrate in. */
export const noBrowser = (chosen: string | undefined): EspalierError =>
  new EspalierError(
    'NO_BROWSER',
    chosen ? `CHROMIUM_PATH=${chosen} cannot be run` : 'there is no Chromium or Chrome on the path',
    { hint: 'install one, or name it in CHROMIUM_PATH' },
  );

/** The browser that calibrates ended before it reported. */
export const browserStopped = (cause: unknown): EspalierError =>
  new EspalierError('BROWSER_STOPPED', 'the browser ended before the calibration did', {
    hint: 'open the page by hand: run `espalier calibrate` without --chromium',
    cause,
  });

/** The process that calibrates this machine ended before it reported. */
export const calibrationStopped = (cause: unknown): EspalierError =>
  new EspalierError('CALIBRATION_STOPPED', 'the calibration of this machine ended early', {
    hint: 'run `npx espalier calibrate --local`, or name another target',
    cause,
  });

/** An option of the command line has a value that it does not take. */
export const badOption = (name: string, value: string, hint: string): EspalierError =>
  new EspalierError('BAD_OPTION', `--${name} ${value} is not a value of --${name}`, { hint });

/** There are no inputs to calibrate on where the query says. */
export const noSamples = (path: string, cause?: unknown): EspalierError =>
  new EspalierError('NO_SAMPLES', `calib=${path}: there is neither a picture nor a .npy file`, {
    hint: 'name a .jpg, .png or .npy file, a folder of them, or a module, relative to the model',
    cause,
  });

/** Inputs to calibrate on are not those of the model, or cannot be read. */
export const badSamples = (file: string, message: string, cause?: unknown): EspalierError =>
  new EspalierError('BAD_SAMPLES', `calib: ${file} ${message}`, {
    hint: 'give pictures, or save inputs as the network takes them, several along a first axis',
    cause,
  });

/** The configuration says how pictures become an input, and cannot be right. */
export const badPreprocessing = (input: string, message: string): EspalierError =>
  new EspalierError('BAD_PREPROCESSING', `preprocessing of ${input}: ${message}`, {
    hint: 'x = (byte · scale − mean) / std; mean and std are one number, or one a channel',
  });

/** A module of the user's own cannot be loaded, or does not export what it should. */
export const badModule = (file: string, message: string, cause?: unknown): EspalierError =>
  new EspalierError('BAD_MODULE', `${file}: ${message}`, {
    at: { file },
    hint: 'docs/fit.md shows what configurations, tasks and modules of inputs export',
    cause,
  });

/** The configuration has a word that means nothing. */
export const unknownOptionIn = (file: string, name: string, hint: string): EspalierError =>
  new EspalierError('UNKNOWN_OPTION_IN', `${file} sets ${JSON.stringify(name)}`, {
    at: { file },
    hint,
  });

/** The plan beside a model is not that of this model, device, inputs or compiler, and must not be replaced. */
export const staleLock = (lock: string, what: string, command: string): EspalierError =>
  new EspalierError('STALE_LOCK', `${lock} ${what}`, {
    at: { file: lock },
    hint: `run \`${command}\` and commit what it writes`,
  });

/** The plan beside a model cannot be read. */
export const badLock = (lock: string, message: string, cause?: unknown): EspalierError =>
  new EspalierError('BAD_LOCK', `${lock}: ${message}`, {
    at: { file: lock },
    hint: 'restore it from version control, or delete it and search again',
    cause,
  });

/** A search is asked for, and the query wants the dense network. */
export const nothingToSearch = (query: string): EspalierError =>
  new EspalierError('NOTHING_TO_SEARCH', `${JSON.stringify(query)} asks for the dense network`, {
    hint: 'add a device, such as target=s20, or a wish, such as speedup=1.5',
  });

/** A worker that searches ended. */
export const searchStopped = (cause: unknown): EspalierError =>
  new EspalierError('SEARCH_STOPPED', 'a thread of the search ended before its work did', {
    hint: 'build again: what was finished is kept; with little memory, fewer threads help',
    cause,
  });

/** The model file cannot be read. */
export const noModel = (file: string, cause: unknown): EspalierError =>
  new EspalierError('NO_MODEL', 'the model file cannot be read', {
    at: { file },
    hint: 'check the path in the import',
    cause,
  });

/** The generated types would overwrite a file that was written by hand. */
export const foreignTypes = (file: string): EspalierError =>
  new EspalierError('FOREIGN_TYPES', `${file} was not written by Espalier`, {
    hint: 'move it, or name another file in the option `types`',
  });

/** A failure as a user reads it: message, then hint. */
export const explain = (error: EspalierError): string =>
  error.hint ? `${error.message}\n  hint: ${error.hint}` : error.message;

/** A failure whose message carries the hint, for channels that show nothing else. */
export function explained(error: unknown): unknown {
  if (!(error instanceof EspalierError)) return error;
  const { code, at, hint } = error;
  return Object.assign(new Error(explain(error), { cause: error }), { code, at, hint });
}
