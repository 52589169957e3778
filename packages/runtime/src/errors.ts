// The failures of running a model. Messages are short: they reach every user's bundle.

/** A failure with a stable code and the next step. */
export class EspalierError extends Error {
  override readonly name = 'EspalierError';
  readonly code: string;
  readonly at = undefined;
  readonly hint: string | undefined;

  constructor(code: string, message: string, hint?: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.hint = hint;
  }
}

/** The engine has no WebAssembly, or none with SIMD. */
export const noSimd = (): EspalierError =>
  new EspalierError('NO_SIMD', 'no WebAssembly SIMD here', 'use a browser of 2023 or later');

/** The engine cannot give as much linear memory as the model needs. */
export const noMemory = (bytes: number, cause: unknown): EspalierError =>
  new EspalierError(
    'NO_MEMORY',
    `the model needs ${Math.ceil(bytes / 2 ** 20)} MiB of memory`,
    'close other pages, or give the model a smaller shape',
    cause,
  );

/** The engine does not compile or start the model's code. */
export const badCode = (url: string, cause: unknown): EspalierError =>
  new EspalierError(
    'BAD_CODE',
    `${url} does not compile`,
    "a content security policy must allow 'wasm-unsafe-eval'",
    cause,
  );

/** A file of the model cannot be fetched. */
export const noFile = (url: string, why: string, cause?: unknown): EspalierError =>
  new EspalierError('NO_FILE', `${url}: ${why}`, 'serve the assets of the build', cause);

/** The weights are not those that the model was built with. */
export const badWeights = (url: string): EspalierError =>
  new EspalierError('BAD_WEIGHTS', `${url} is damaged`, 'serve the assets of the same build');

/** A helping thread does not start, or did not do its part. */
export const badThread = (what: string, cause?: unknown): EspalierError =>
  new EspalierError(
    'BAD_THREAD',
    `a thread failed at ${what}`,
    "serve the assets of the build from the page's origin, or load({ threads: 1 })",
    cause,
  );

/** An input is missing, unknown, or not of the type and size that the model reads. */
export const badInput = (message: string): EspalierError => new EspalierError('BAD_INPUT', message);

/** The model was disposed of. */
export const disposed = (): EspalierError => new EspalierError('DISPOSED', 'the model is disposed');
