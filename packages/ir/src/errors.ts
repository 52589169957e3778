// Every failure that a user can cause, in one class; and the makers of this package's codes.

import { showType, type TensorType } from './types.ts';

/** Where a failure is: printed as "net.onnx, node conv_12: …". */
export interface Location {
  readonly file?: string;
  readonly node?: string;
}

/** What an error carries besides its message. */
export interface ErrorDetails {
  readonly at?: Location;
  /** The next step for the user. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** A failure with a stable code, a place and a hint. Codes are listed in docs/errors.md. */
export class EspalierError extends Error {
  override readonly name = 'EspalierError';
  readonly code: string;
  readonly at: Location | undefined;
  readonly hint: string | undefined;

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    const place = [details.at?.file, details.at?.node && `node ${details.at.node}`];
    const prefix = place.filter(Boolean).join(', ');
    super(prefix ? `${prefix}: ${message}` : message, { cause: details.cause });
    this.code = code;
    this.at = details.at;
    this.hint = details.hint;
  }
}

/** Operands of an op do not fit each other or its attributes. */
export const badShape = (op: string, message: string): EspalierError =>
  new EspalierError('BAD_SHAPE', `${op}: ${message}`);

/** Operands of an op have element types that it does not take. */
export const badDType = (op: string, message: string): EspalierError =>
  new EspalierError('BAD_DTYPE', `${op}: ${message}`);

/** A value given for an input of a graph is missing or not of the input's type. */
export const badTensor = (name: string, wanted: TensorType, given?: TensorType): EspalierError =>
  new EspalierError(
    'BAD_TENSOR',
    `input ${name} is ${given ? showType(given) : 'missing'} where ${showType(wanted)} is read`,
  );

/** Text of a graph cannot be parsed. */
export const badText = (line: number, message: string, cause?: unknown): EspalierError =>
  new EspalierError('BAD_TEXT', `line ${line}: ${message}`, { cause });

/** Guards what only a bug can break. */
export function assert(condition: unknown, assumed: string): asserts condition {
  if (!condition) throw new Error(`assumed that ${assumed}`);
}
