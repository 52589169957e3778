// Layers of Keras over many configurations: compiled, they give what TF.js gives.

import '@tensorflow/tfjs-backend-cpu';
import { importTfjs } from '@espalier/importers';
import type { Tensor } from '@espalier/ir';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import t from 'tap';
import { seeded } from '../support/hostile.ts';
import { start } from '../support/run-compiled.ts';
import { inMemory } from '../support/tfjs-model.ts';

type Symbolic = tfl.SymbolicTensor;

/** Shapes without the batch, and what is built over inputs of them. */
interface Case {
  readonly title: string;
  readonly inputs: readonly (readonly number[])[];
  build(...inputs: Symbolic[]): Symbolic | Symbolic[];
  /** Whether some steps of the inputs are zeros. */
  readonly gaps?: boolean;
  /** Numbers of inputs; between −1 and 1 if left out. */
  readonly most?: number;
}

const { layers } = tfl;

const through = (
  title: string,
  shape: readonly number[],
  ...chain: readonly (() => tfl.layers.Layer)[]
): Case => ({
  title,
  inputs: [shape],
  build: (x) => chain.reduce((y, make) => make().apply(y) as Symbolic, x), // of one operand, one result
});

const image = [7, 6, 4] as const;
const sequence = [6, 5] as const;

const convolutions: Case[] = (['valid', 'same'] as const).flatMap((padding) => [
  ...[1, 2].flatMap((strides) => [
    through(`Conv2D ${padding} by ${strides}`, image, () =>
      layers.conv2d({ filters: 3, kernelSize: [3, 2], strides, padding, activation: 'relu' }),
    ),
    through(`DepthwiseConv2D ${padding} by ${strides}`, image, () =>
      layers.depthwiseConv2d({ kernelSize: 3, strides, padding, depthMultiplier: 2 }),
    ),
    through(`SeparableConv2D ${padding} by ${strides}`, image, () =>
      layers.separableConv2d({ filters: 5, kernelSize: 3, strides, padding, depthMultiplier: 2 }),
    ),
    through(`Conv2DTranspose ${padding} by ${strides}`, image, () =>
      layers.conv2dTranspose({ filters: 3, kernelSize: 3, strides, padding }),
    ),
    through(`Conv2DTranspose of 2 ${padding} by ${strides}`, image, () =>
      layers.conv2dTranspose({ filters: 3, kernelSize: 2, strides, padding, useBias: false }),
    ),
    through(`Conv1D ${padding} by ${strides}`, sequence, () =>
      layers.conv1d({ filters: 3, kernelSize: 3, strides, padding }),
    ),
    through(`MaxPooling2D ${padding} by ${strides}`, image, () =>
      layers.maxPooling2d({ poolSize: [3, 2], strides, padding }),
    ),
    through(`AveragePooling2D ${padding} by ${strides}`, image, () =>
      layers.averagePooling2d({ poolSize: [2, 3], strides, padding }),
    ),
    through(`MaxPooling1D ${padding} by ${strides}`, sequence, () =>
      layers.maxPooling1d({ poolSize: 3, strides, padding }),
    ),
    through(`AveragePooling1D ${padding} by ${strides}`, sequence, () =>
      layers.averagePooling1d({ poolSize: 2, strides, padding }),
    ),
  ]),
  through(`Conv2D ${padding}, dilated`, image, () =>
    layers.conv2d({ filters: 3, kernelSize: 2, dilationRate: 2, padding, useBias: false }),
  ),
  through(`Conv1D ${padding}, dilated`, sequence, () =>
    layers.conv1d({ filters: 3, kernelSize: 2, dilationRate: 2, padding }),
  ),
  through(`Conv3D ${padding}`, [4, 5, 6, 2], () =>
    layers.conv3d({ filters: 3, kernelSize: [2, 3, 2], strides: [1, 2, 1], padding }),
  ),
  through(`MaxPooling3D ${padding}`, [4, 5, 6, 2], () =>
    layers.maxPooling3d({ poolSize: [2, 2, 3], strides: [1, 2, 2], padding }),
  ),
  through(`AveragePooling3D ${padding}`, [4, 5, 6, 2], () =>
    layers.averagePooling3d({ poolSize: [2, 2, 3], strides: [1, 2, 2], padding }),
  ),
]);

const shapesOf: Case[] = [
  through('GlobalAveragePooling1D', sequence, () => layers.globalAveragePooling1d({})),
  through('GlobalMaxPooling1D', sequence, () => layers.globalMaxPooling1d({})),
  through('GlobalAveragePooling2D', image, () => layers.globalAveragePooling2d({})),
  through('GlobalMaxPooling2D', image, () => layers.globalMaxPooling2d({})),
  through('UpSampling2D', image, () => layers.upSampling2d({ size: [2, 3] })),
  through('UpSampling2D bilinear', image, () =>
    layers.upSampling2d({ size: [2, 2], interpolation: 'bilinear' }),
  ),
  through('ZeroPadding2D', image, () =>
    layers.zeroPadding2d({
      padding: [
        [1, 2],
        [0, 3],
      ],
    }),
  ),
  through('Cropping2D', image, () =>
    layers.cropping2D({
      cropping: [
        [1, 2],
        [0, 3],
      ],
    }),
  ),
  through('Flatten', image, () => layers.flatten()),
  through('Reshape', image, () => layers.reshape({ targetShape: [4, -1, 2] })),
  through('Permute', image, () => layers.permute({ dims: [3, 1, 2] })),
  through('RepeatVector', [5], () => layers.repeatVector({ n: 3 })),
  through('Rescaling', image, () => layers.rescaling({ scale: 2, offset: -1 })),
];

const activations: Case[] = [
  ...(
    [
      'elu',
      'hardSigmoid',
      'linear',
      'relu',
      'relu6',
      'selu',
      'sigmoid',
      'softmax',
      'softplus',
      'softsign',
      'tanh',
      'swish',
      'mish',
      'gelu',
      'gelu_new',
    ] as const
  ).map((activation) => ({
    ...through(`Activation ${activation}`, sequence, () =>
      layers.activation({ activation: activation as 'relu' }),
    ),
    most: 4,
  })),
  through('ReLU', sequence, () => layers.reLU({ maxValue: 0.4 })),
  through('LeakyReLU', sequence, () => layers.leakyReLU({ alpha: 0.2 })),
  through('ELU', sequence, () => layers.elu({ alpha: 1 })),
  through('PReLU', image, () =>
    layers.prelu({ alphaInitializer: 'randomNormal', sharedAxes: [1, 2] }),
  ),
  through('PReLU of every element', image, () =>
    layers.prelu({ alphaInitializer: 'randomNormal' }),
  ),
  through('ThresholdedReLU', sequence, () => layers.thresholdedReLU({ theta: 0.3 })),
  through('Softmax', image, () => layers.softmax({ axis: -1 })),
  through('Dense', sequence, () => layers.dense({ units: 3, activation: 'tanh' })),
  through('Dense over a list', [5], () => layers.dense({ units: 3, useBias: false })),
  through('BatchNormalization', image, () =>
    layers.batchNormalization({
      movingMeanInitializer: 'randomNormal',
      betaInitializer: 'randomNormal',
      gammaInitializer: 'randomNormal',
      epsilon: 0.01,
    }),
  ),
  through('BatchNormalization of a list', [5], () =>
    layers.batchNormalization({ movingMeanInitializer: 'randomNormal', center: false }),
  ),
  through('LayerNormalization', sequence, () =>
    layers.layerNormalization({
      gammaInitializer: 'randomNormal',
      betaInitializer: 'randomNormal',
    }),
  ),
  through('LayerNormalization of two axes', sequence, () =>
    layers.layerNormalization({ axis: [1, 2], gammaInitializer: 'randomNormal' }),
  ),
  through(
    'Dropout and noise',
    sequence,
    () => layers.dropout({ rate: 0.5 }),
    () => layers.gaussianNoise({ stddev: 1 }),
  ),
  { ...through('Masking', sequence, () => layers.masking({ maskValue: 0 })), gaps: true },
];

const merges: Case[] = [
  ...(['add', 'multiply', 'average', 'maximum', 'minimum'] as const).map(
    (name): Case => ({
      title: `${name} of three`,
      inputs: [sequence, sequence, [1, 5]],
      build: (...inputs) => layers[name]().apply(inputs) as Symbolic,
    }),
  ),
  {
    title: 'Concatenate',
    inputs: [image, [7, 2, 4]],
    build: (...inputs) => layers.concatenate({ axis: 2 }).apply(inputs) as Symbolic,
  },
  ...([1, 2, [2, 1], -1] as const).map(
    (axes): Case => ({
      title: `Dot along ${axes}`,
      inputs: [
        [4, 4],
        [4, 4],
      ],
      build: (...inputs) => layers.dot({ axes: axes as number }).apply(inputs) as Symbolic,
    }),
  ),
  {
    title: 'Dot of lists, normalised',
    inputs: [[5], [5]],
    build: (...inputs) => layers.dot({ axes: 1, normalize: true }).apply(inputs) as Symbolic,
  },
  {
    title: 'Dot of a sequence and a list',
    inputs: [[4, 5], [5]],
    build: (...inputs) => layers.dot({ axes: [2, 1] }).apply(inputs) as Symbolic,
  },
  {
    title: 'a layer called twice, and two outputs',
    inputs: [[5], [5]],
    build(a, b) {
      const shared = layers.dense({ units: 5 });
      const [x, y] = [shared.apply(a!) as Symbolic, shared.apply(b!) as Symbolic];
      return [layers.add().apply([x, y]) as Symbolic, y];
    },
  },
];

const rnn = { recurrentInitializer: 'glorotNormal', biasInitializer: 'randomNormal' } as const;

const recurrents: Case[] = (['lstm', 'gru', 'simpleRNN'] as const).flatMap((name) => [
  ...[true, false].flatMap((returnSequences) =>
    [true, false].map((goBackwards) =>
      through(`${name}, sequences: ${returnSequences}, backwards: ${goBackwards}`, sequence, () =>
        layers[name]({ units: 3, returnSequences, goBackwards, ...rnn }),
      ),
    ),
  ),
  ...[true, false].map((goBackwards) => ({
    ...through(
      `${name} behind a mask, backwards: ${goBackwards}`,
      sequence,
      () => layers.masking({ maskValue: 0 }),
      () => layers.dense({ units: 4 }),
      () => layers[name]({ units: 3, returnSequences: true, goBackwards, ...rnn }),
      () => layers[name]({ units: 2, ...rnn }),
    ),
    gaps: true,
  })),
  through(`${name} without bias, other activations`, sequence, () =>
    layers[name]({ units: 3, useBias: false, activation: 'relu', ...rnn }),
  ),
  through(`${name} with sigmoid gates`, sequence, () =>
    layers[name]({ units: 3, recurrentActivation: 'sigmoid', ...rnn } as { units: number }),
  ),
  ...(['concat', 'sum', 'mul', 'ave'] as const).map((mergeMode) =>
    through(`Bidirectional ${name}, ${mergeMode}`, sequence, () =>
      layers.bidirectional({
        layer: layers[name]({ units: 3, returnSequences: true, ...rnn }) as tfl.RNN,
        mergeMode,
      }),
    ),
  ),
  through(`Bidirectional ${name}, the last step`, sequence, () =>
    layers.bidirectional({
      layer: layers[name]({ units: 3, ...rnn }) as tfl.RNN,
      mergeMode: 'concat',
    }),
  ),
  {
    title: `${name} with its state`,
    inputs: [sequence],
    build: (x) =>
      layers[name]({ units: 3, returnSequences: true, returnState: true, ...rnn }).apply(
        x!,
      ) as Symbolic[],
  },
  {
    title: `${name} that starts with a state`,
    inputs: [sequence, [4, 5]],
    build(x, y) {
      const first = layers[name]({ units: 3, returnState: true, ...rnn });
      const [, ...state] = first.apply(x!) as Symbolic[];
      const second = layers[name]({ units: 3, ...rnn });
      return second.apply(y!, { initialState: state }) as Symbolic;
    },
  },
]);

const wrappers: Case[] = [
  through('TimeDistributed Dense', sequence, () =>
    layers.timeDistributed({ layer: layers.dense({ units: 3 }) }),
  ),
  through('TimeDistributed Conv2D', [3, ...image], () =>
    layers.timeDistributed({ layer: layers.conv2d({ filters: 2, kernelSize: 3 }) }),
  ),
  through('RNN of a cell', sequence, () =>
    layers.rnn({ cell: layers.lstmCell({ units: 3, ...rnn }), returnSequences: true }),
  ),
  through('RNN of cells in a stack', sequence, () =>
    layers.rnn({
      cell: [layers.gruCell({ units: 3, ...rnn }), layers.simpleRNNCell({ units: 4, ...rnn })],
    }),
  ),
  through('ConvLSTM2D', [3, 6, 5, 2], () =>
    layers.convLstm2d({
      filters: 2,
      kernelSize: 3,
      padding: 'same',
      returnSequences: true,
      ...rnn,
    } as { filters: number; kernelSize: number }),
  ),
];

const volumes: Case[] = (['valid', 'same'] as const).flatMap((padding) =>
  // With strides beyond the kernel TF.js pads by less than nothing.
  [1, 2].map((strides) =>
    through(`Conv3DTranspose ${padding} by ${strides}`, [3, 4, 2, 2], () =>
      layers.conv3dTranspose({ filters: 3, kernelSize: [2, 3, 2], strides, padding }),
    ),
  ),
);

/** The model in the converter's format, and what TF.js makes of seeded inputs. */
async function made({ inputs, build, most = 1, gaps = false }: Case, batch: number) {
  const symbolic = inputs.map((shape, i) => tfl.input({ shape: [...shape], name: `in${i}` }));
  const outputs = build(...symbolic);
  const model = tfl.model({ inputs: symbolic, outputs });
  let saved: tf.io.ModelArtifacts = {};
  await model.save({
    save: async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    },
  });
  const random = seeded(5);
  const tensors = inputs.map((shape): Tensor => {
    const full = [batch, ...shape];
    const length = full.reduce((n, extent) => n * extent, 1);
    const data = Float32Array.from({ length }, () => most * (2 * random() - 1));
    const width = shape.at(-1)!;
    if (gaps) for (const step of [1, 4, 5]) data.fill(0, step * width, (step + 1) * width);
    return { type: { dtype: 'f32', shape: full }, data };
  });
  const fed = tensors.map(({ type, data }) => tf.tensor(data, [...type.shape]));
  const results = model.predict(fed);
  const expected = (Array.isArray(results) ? results : [results]).map((y) => ({
    shape: y.shape,
    data: Float32Array.from(y.dataSync()),
  }));
  const shards = saved.weightData === undefined ? [] : [saved.weightData].flat();
  const bytes = new Uint8Array(Buffer.concat(shards.map((shard) => new Uint8Array(shard))));
  const file = inMemory(
    {
      format: 'layers-model',
      modelTopology: saved.modelTopology,
      weightsManifest: [{ paths: ['weights.bin'], weights: saved.weightSpecs }],
    },
    bytes,
  );
  return { file, tensors, expected };
}

t.before(async () => {
  tf.env().set('IS_TEST', true);
  await tf.setBackend('cpu');
});

for (const given of [
  ...convolutions,
  ...shapesOf,
  ...activations,
  ...merges,
  ...recurrents,
  ...wrappers,
  ...volumes,
])
  t.test(`${given.title} agrees`, async (t) => {
    const batch = 2;
    const { file, tensors, expected } = await made(given, batch);
    const names = given.inputs.map((_, i) => `in${i}`);
    const shapes = Object.fromEntries(names.map((name, i) => [name, tensors[i]!.type.shape]));
    const graph = importTfjs(file.bytes(), { file: file.file, external: file.external, shapes });
    const results = start(graph).run(
      Object.fromEntries(names.map((name, i) => [name, tensors[i]!])),
    );
    graph.outputs.forEach(({ name }, i) => {
      const { shape, data } = expected[i]!;
      const found = results[name]!;
      t.same(found.type.shape, shape, `${name} has its shape`);
      const scale = data.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
      const worst = data.reduce(
        (most, value, k) => Math.max(most, Math.abs(value - (found.data[k] ?? Number.NaN))),
        0,
      );
      t.ok(worst <= 1e-4 * scale, `${name} is off by ${worst} of ${scale}`);
    });
  });

/** A model of one layer that TF.js has and cannot run. */
const alone = (className: string, config: object) =>
  inMemory(
    {
      format: 'layers-model',
      modelTopology: {
        class_name: 'Sequential',
        config: [
          {
            class_name: className,
            config: { name: 'layer', batch_input_shape: [null, ...image], ...config },
          },
        ],
      },
      weightsManifest: [],
    },
    new Uint8Array(0),
  );

const pixels = Float32Array.from({ length: 7 * 6 * 4 }, (_, i) => ((i * 37) % 101) / 50 - 1);

function imagesOf(className: string, config: object): Float32Array {
  const file = alone(className, config);
  const graph = importTfjs(file.bytes(), { file: file.file, external: file.external });
  const x = { type: { dtype: 'f32', shape: [1, ...image] }, data: pixels } as const;
  const results = start(graph).run({ [graph.inputs[0]!.name]: x });
  return Float32Array.from(results[graph.outputs[0]!.name]!.data);
}

t.test('Resizing has its pixels at halves, as Keras has them', async (t) => {
  const x = tf.tensor4d(pixels, [1, 7, 6, 4]);
  for (const interpolation of ['bilinear', 'nearest'] as const) {
    const resize = interpolation === 'bilinear' ? 'resizeBilinear' : 'resizeNearestNeighbor';
    const expected = tf.image[resize](x, [9, 4], false, true).dataSync();
    const found = imagesOf('Resizing', { height: 9, width: 4, interpolation });
    const worst = found.reduce((most, v, i) => Math.max(most, Math.abs(v - expected[i]!)), 0);
    t.equal(found.length, expected.length, `${interpolation} has its size`);
    t.ok(worst < 1e-5, `${interpolation} is off by ${worst}`);
  }
});

t.test('CenterCrop keeps the middle', async (t) => {
  const found = imagesOf('CenterCrop', { height: 4, width: 3 });
  const expected = tf.slice(tf.tensor4d(pixels, [1, 7, 6, 4]), [0, 1, 1, 0], [1, 4, 3, 4]);
  t.same([...found], [...expected.dataSync()], 'rows 1 to 4, columns 1 to 3');
});

t.test('CategoryEncoding says which numbers are there, and how often', async (t) => {
  const encoded = (mode: string, shape: readonly number[], numbers: readonly number[]) => {
    const config = { num_tokens: 5, output_mode: mode, batch_input_shape: [null, shape[1]] };
    const file = alone('CategoryEncoding', config);
    const graph = importTfjs(file.bytes(), {
      file: file.file,
      external: file.external,
      shapes: { layer_input: shape },
    });
    const x = { type: { dtype: 'f32', shape }, data: Float32Array.from(numbers) } as const;
    const { layer } = start(graph).run({ layer_input: x });
    return Array.from(layer!.data);
  };
  const numbers = [1, 3, 1, 0, 4, 4];
  t.same(encoded('multi_hot', [2, 3], numbers), [0, 1, 0, 1, 0, 1, 0, 0, 0, 1], 'which');
  t.same(encoded('count', [2, 3], numbers), [0, 2, 0, 1, 0, 1, 0, 0, 0, 2], 'how often');
  t.same(encoded('one_hot', [2, 1], [2, 0]), [0, 0, 1, 0, 0, 1, 0, 0, 0, 0], 'the only one');
  t.throws(() => encoded('tf_idf', [2, 3], numbers), { code: 'UNSUPPORTED_USE' }, 'no weights');
});

t.test('pictures are changed at random in training only', async (t) => {
  t.same([...imagesOf('RandomWidth', { factor: 0.5 })], [...pixels], 'they stay as they are');
});

t.test('a state that outlives a call is refused', async (t) => {
  const { file } = await made(
    through('stateful', sequence, () => layers.lstm({ units: 3, ...rnn })),
    1,
  );
  const text = new TextDecoder()
    .decode(file.bytes())
    .replace('"stateful":false', '"stateful":true');
  t.throws(() => importTfjs(Buffer.from(text), { file: 'm', external: file.external }), {
    code: 'UNSUPPORTED_USE',
  });
});
