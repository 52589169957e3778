// One model in several shapes: a program for each, chosen by what comes in.

import { badInput } from './errors.ts';
import type { ElementArrays, LoadOptions, Model, Outputs, Signature, TensorInfo } from './model.ts';

/** The elements of an input, with their shape where their number alone would not tell it. */
export type ShapedInput<T extends TensorInfo = TensorInfo> =
  | ElementArrays[T['dtype']]
  | { readonly data: ElementArrays[T['dtype']]; readonly shape: readonly number[] };

/** The elements of every input, in one of the shapes. */
export type ShapedInputs<S extends Signature> = S extends Signature
  ? { readonly [K in keyof S['inputs']]: ShapedInput<S['inputs'][K]> }
  : never;

/** Every result of a run, in one of the shapes. */
export type ShapedOutputs<S extends Signature> = S extends Signature ? Outputs<S> : never;

/** A network that was compiled for several shapes of its inputs. */
export interface ShapedModel<S extends readonly Signature[] = readonly Signature[]> {
  /** The model of each shape, as declared: each loads by itself, and has memory of its own. */
  readonly shapes: { readonly [K in keyof S]: Model<S[K]> };
  /**
   * Loads all shapes; `run` alone loads the one that it needs.
   *
   * @throws {EspalierError} as `load` of a model
   */
  load(options?: LoadOptions): Promise<void>;
  /**
   * Computes the outputs in the shape that the inputs have.
   *
   * @throws {EspalierError} BAD_INPUT, also where several shapes have as many elements and none is given; and as `run`
   * of a model
   */
  run(inputs: ShapedInputs<S[number]>): Promise<ShapedOutputs<S[number]>>;
  /** Frees the memory of all shapes. */
  dispose(): void;
}

type Given = Readonly<Record<string, ShapedInput | undefined>>;

/** Makes one model of those of its shapes. */
export function chooseByShape<S extends readonly Signature[]>(
  models: readonly Model[],
): ShapedModel<S> {
  const choose = (given: Given): Model => {
    const [only, ...others] = models.filter(({ inputs }) =>
      Object.entries(inputs).every(([name, { shape }]) => hasShape(given[name], shape)),
    );
    if (only && others.length === 0) return only;
    const shapes = models.map(({ inputs }) =>
      Object.entries(inputs).map(([name, { shape }]) => `${name} [${shape}]`),
    );
    throw badInput(
      `${only ? 'several shapes fit, give { data, shape }' : 'no shape fits'}: ${shapes.join(' or ')}`,
    );
  };
  const model = {
    shapes: models,
    async load({ onProgress, ...options }: LoadOptions = {}) {
      const progress = models.map(() => ({ loadedBytes: 0, totalBytes: 0 }));
      const sum = (key: 'loadedBytes' | 'totalBytes') =>
        progress.reduce((total, one) => total + one[key], 0);
      const watch = (i: number) =>
        onProgress && {
          onProgress(one: (typeof progress)[number]) {
            progress[i] = one;
            onProgress({ loadedBytes: sum('loadedBytes'), totalBytes: sum('totalBytes') });
          },
        };
      await Promise.all(models.map((one, i) => one.load({ ...options, ...watch(i) })));
    },
    async run(inputs: Given) {
      const given = inputs ?? {};
      const data = Object.entries(given).map(([name, value]) => [name, dataOf(value)]);
      return choose(given).run(Object.fromEntries(data));
    },
    dispose() {
      for (const one of models) one.dispose();
    },
  };
  // The programs say at run time what the signatures say to the type checker.
  return model as unknown as ShapedModel<S>;
}

const dataOf = (value: ShapedInput | undefined) => (value && 'shape' in value ? value.data : value);

function hasShape(value: ShapedInput | undefined, shape: readonly number[]): boolean {
  if (!value) return false;
  return 'shape' in value
    ? `${value.shape}` === `${shape}`
    : value.length === shape.reduce((n, extent) => n * extent, 1);
}
