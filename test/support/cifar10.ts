// The test pictures of CIFAR-10, and the network that was trained on the training pictures.

import { readFileSync } from 'node:fs';
import { importOnnx } from '@espalier/importers';
import type { Graph, Tensor } from '@espalier/ir';
import { readNpy } from './npy.ts';
import { sharedData } from './shared-data.ts';

/** A network and pictures as it wants them, each as its inputs. */
export interface Cifar10 {
  readonly graph: Graph;
  readonly pictures: readonly Readonly<Record<string, Tensor>>[];
}

interface Spec {
  readonly file: string;
  readonly cases: readonly {
    readonly inputs: Readonly<
      Record<string, { readonly sub: readonly number[]; readonly mul: readonly number[] }>
    >;
  }[];
}

/** `resnet20_cifar10` and 500 pictures, RGB, by the formula of `shared/data/README.md`. */
export function cifar10(): Cifar10 {
  const folder = sharedData('models', 'resnet20_cifar10');
  // The shared data is ours to trust; its README says what a spec holds.
  const spec = JSON.parse(readFileSync(`${folder}/spec.json`, 'utf8')) as Spec;
  const [[name, { sub, mul }]] = Object.entries(spec.cases[0]!.inputs) as [
    [string, { readonly sub: readonly number[]; readonly mul: readonly number[] }],
  ];
  const { data, shape } = readNpy(readFileSync(sharedData('cifar10', 'test-500-images.npy')));
  const [count, height, width, channels] = shape as [number, number, number, number];
  const pixels = height * width;
  const type = { dtype: 'f32', shape: [1, channels, height, width] } as const;
  const picture = (index: number): Tensor => {
    const values = new Float32Array(channels * pixels);
    for (let p = 0; p < pixels; p++)
      for (let c = 0; c < channels; c++) {
        const byte = data[(index * pixels + p) * channels + c]!;
        values[c * pixels + p] = Math.fround(byte - Math.fround(sub[c]!)) * Math.fround(mul[c]!);
      }
    return { type, data: values };
  };
  const file = `${folder}/${spec.file}`;
  return {
    graph: importOnnx(readFileSync(file), { file, shapes: { [name]: type.shape } }),
    pictures: Array.from({ length: count }, (_, index) => ({ [name]: picture(index) })),
  };
}

/** The class of the greatest logit. */
export const topClass = (outputs: Readonly<Record<string, Tensor>>): number => {
  const { data } = Object.values(outputs)[0]!;
  return data.indexOf(Math.max(...data) as never);
};
