// Inputs that calibrate: pictures, modules, tasks, made-up pictures, and how they become tensors.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importOnnx, writeOnnx } from '@espalier/importers';
import {
  createBuilder,
  EspalierError,
  type Graph,
  type InputNode,
  randomTensor,
} from '@espalier/ir';
import { createRun } from '@espalier/search';
import { encode } from 'jpeg-js';
import { PNG } from 'pngjs';
import t, { type Test } from 'tap';
import { findBoxes } from '../../fixtures/apps/text/src/boxes.ts';
import { modelSize, toTensor } from '../../fixtures/apps/text/src/pixels.ts';
import { modelPath, placeModels } from '../../fixtures/models/place-models.ts';
import { buildModel } from '../../packages/espalier/src/build.ts';
import { readConfig } from '../../packages/espalier/src/config.ts';
import { parseDirectives } from '../../packages/espalier/src/directives.ts';
import { findInputs } from '../../packages/espalier/src/inputs/index.ts';
import { learnPreprocessing } from '../../packages/espalier/src/inputs/learn.ts';
import { decodePicture, type Picture, resize } from '../../packages/espalier/src/inputs/picture.ts';
import {
  type Preprocessing,
  pictureShape,
  pictureTensor,
} from '../../packages/espalier/src/inputs/preprocess.ts';
import { syntheticPicture } from '../../packages/espalier/src/inputs/synthetic.ts';
import { readModel } from '../../packages/espalier/src/read-model.ts';
import { readNpy } from '../support/npy.ts';
import { sharedData, skipWithoutData } from '../support/shared-data.ts';
import { readZip } from '../support/zip.ts';

t.setTimeout(300_000);

function folderFor(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-inputs-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const code = async (promise: Promise<unknown>): Promise<string | undefined> => {
  try {
    await promise;
    return undefined;
  } catch (error) {
    if (error instanceof EspalierError) return error.code;
    throw error;
  }
};

/** A network of pictures: a convolution, and two classes. */
function classifier(): Graph {
  const b = createBuilder();
  const constant = (shape: readonly number[], seed: number) =>
    b.constant(randomTensor({ dtype: 'f32', shape }, seed));
  const x = b.input('x', { dtype: 'f32', shape: [1, 3, 16, 16] });
  const conv = (y: typeof x | ReturnType<typeof b.conv>, o: number, i: number, seed: number) =>
    b.conv(y, constant([o, i, 1, 1], seed), constant([o], seed + 1), {
      stride: [1, 1],
      dilation: [1, 1],
      pads: [0, 0, 0, 0],
      groups: 1,
    });
  const y = conv(b.scalar('relu', conv(b.scalar('relu', conv(x, 32, 3, 1)), 32, 32, 3)), 2, 32, 5);
  return { inputs: [x], outputs: [{ name: 'y', node: y }] };
}

const picture = (width: number, height: number, seed = 1): Picture =>
  syntheticPicture(width, height, seed);

function png({ width, height, data }: Picture, alpha = 255): Buffer {
  const image = new PNG({ width, height });
  for (let i = 0; i < width * height; i++)
    image.data.set([...data.subarray(3 * i, 3 * i + 3), alpha], 4 * i);
  return PNG.sync.write(image);
}

const input = (shape: readonly number[]): InputNode =>
  createBuilder().input('x', { dtype: 'f32', shape });

t.test('pictures come back as they were saved', async (t) => {
  const saved = picture(20, 12);
  t.same(decodePicture(png(saved), 'a.png'), saved, 'PNG, without loss');
  const clear = decodePicture(png(saved, 0), 'a.png');
  t.ok(
    clear.data.every((byte) => byte === 255),
    'what is transparent lies on white',
  );
  for (const bytes of [new Uint8Array(0), png(saved).subarray(0, 60), Buffer.from('nothing')])
    t.throws(() => decodePicture(bytes, 'a.png'), { code: 'BAD_SAMPLES' }, 'damage is said');
  const huge = png(saved);
  huge.writeUInt32BE(2 ** 30, 16);
  t.throws(() => decodePicture(huge, 'a.png'), { code: 'BAD_SAMPLES' }, 'claims are not believed');
});

t.test('JPEGs are decoded as libjpeg decodes them', skipWithoutData, async (t) => {
  const pixels = readNpy(readFileSync(sharedData('cifar10', 'test-500-images.npy')));
  const names = JSON.parse(
    readFileSync(sharedData('cifar10', 'test-500-names.json'), 'utf8'),
  ) as string[];
  const zip = readZip(readFileSync(sharedData('cifar10', 'test.zip')));
  const each = 32 * 32 * 3;
  names.slice(0, 20).forEach((name, i) => {
    const { data } = decodePicture(zip.get(name)!(), name);
    const stored = pixels.data.subarray(i * each, (i + 1) * each);
    const luma = (bytes: ArrayLike<number>, p: number) =>
      0.299 * bytes[3 * p]! + 0.587 * bytes[3 * p + 1]! + 0.114 * bytes[3 * p + 2]!;
    let [brightness, colour] = [0, 0];
    for (let p = 0; p < 32 * 32; p++) brightness += Math.abs(luma(data, p) - luma(stored, p));
    for (let k = 0; k < each; k++) colour += Math.abs(data[k]! - stored[k]!);
    // Brightness differs by rounding alone. Colours are stored at half the size, and libjpeg smooths them: edges
    // between strong ones are some levels off; exchanged channels would be dozens.
    t.ok(brightness / 1024 < 0.8, `${name}: brightness is ${brightness / 1024} levels off`);
    t.ok(colour / each < 6, `${name}: colours are ${colour / each} levels off`);
  });
});

t.test('resizing keeps what is smooth, and averages what is fine', async (t) => {
  const ramp: Picture = {
    width: 64,
    height: 4,
    data: Uint8Array.from({ length: 64 * 4 * 3 }, (_, i) => 4 * (Math.floor(i / 3) % 64)),
  };
  const half = resize(ramp, 32, 4);
  for (let x = 2; x < 30; x++)
    t.ok(Math.abs(half.data[3 * x]! - (8 * x + 2)) <= 1, `column ${x} lies between two`);
  const checks: Picture = {
    width: 64,
    height: 64,
    data: Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => {
      const pixel = Math.floor(i / 3);
      return (pixel + Math.floor(pixel / 64)) % 2 === 0 ? 0 : 255;
    }),
  };
  const small = resize(checks, 8, 8).data;
  t.ok(
    small.every((byte) => Math.abs(byte - 128) < 12),
    'a fine pattern becomes grey',
  );
});

t.test('pictures become inputs by the formula', async (t) => {
  const bytes: Picture = {
    width: 8,
    height: 8,
    data: Uint8Array.from({ length: 192 }, (_, i) => i),
  };
  const shape = [1, 3, 8, 8];
  const nchw = pictureShape(input(shape))!;
  const { data } = pictureTensor(input(shape), nchw, [bytes], {
    order: 'bgr',
    scale: 0.5,
    mean: [1, 2, 3],
    std: [2, 4, 8],
  });
  t.equal(data[0], (0.5 * 2 - 1) / 2, 'blue comes first');
  t.equal(data[64 + 5], (0.5 * 16 - 2) / 4, 'green is the second plane');
  const nhwc = pictureShape(input([1, 8, 8, 3]))!;
  t.equal(nhwc.layout, 'nhwc', 'channels may be last');
  t.equal(
    pictureTensor(input([1, 8, 8, 3]), nhwc, [bytes], { scale: 1 }).data[7],
    7,
    'as bytes lie',
  );
  t.equal(pictureShape(input([1, 64, 8, 8])), undefined, '64 channels are no picture');
  t.equal(pictureShape(input([1, 3, 2, 2])), undefined, 'nor are 2 × 2 pixels');
  t.throws(() => pictureTensor(input(shape), nchw, [bytes], { mean: [1, 2] }), {
    code: 'BAD_PREPROCESSING',
  });
});

t.test('preprocessing is learnt from the first batch norm', skipWithoutData, async (t) => {
  const learnt = (model: string): Preprocessing => {
    const file = sharedData('models', model, 'model.onnx');
    const { graph } = readModel(readFileSync(file), file, { shape: {}, input: {}, outputs: [] });
    const [x] = graph.inputs;
    const photos = ['people-table', 'street', 'portrait', 'skater'].map((name) =>
      decodePicture(readFileSync(sharedData('images', `${name}.jpg`)), name),
    );
    return learnPreprocessing(graph, x!, pictureShape(x!)!, photos);
  };
  const imageNet = learnt('resnet20_cifar10');
  t.ok(Array.isArray(imageNet.std) && imageNet.scale === 1 / 255, 'ImageNet statistics');
  const yolo = learnt('yolo_fastest_1_1_coco');
  t.ok(yolo.scale === 1 / 255 && yolo.mean === undefined, 'values from 0 to 1');
});

t.test('made-up pictures look like pictures', async (t) => {
  t.same(picture(64, 48, 5), picture(64, 48, 5), 'the same seed gives the same picture');
  t.notSame(picture(64, 48, 5).data, picture(64, 48, 8).data, 'another one another');
  let [near, far, energy, colours] = [0, 0, 0, 0];
  for (let seed = 1; seed <= 30; seed++) {
    const { data } = picture(64, 64, seed);
    const at = (x: number, y: number, c: number) => data[3 * (64 * y + x) + c]!;
    const mean = data.reduce((sum, byte) => sum + byte, 0) / data.length;
    for (let y = 0; y < 64; y++)
      for (let x = 0; x < 48; x++) {
        near += (at(x + 1, y, 1) - at(x, y, 1)) ** 2;
        far += (at(x + 16, y, 1) - at(x, y, 1)) ** 2;
        energy += (at(x, y, 1) - mean) ** 2;
        colours += (at(x, y, 0) - at(x, y, 2)) ** 2;
      }
  }
  t.ok(near < 0.35 * far, `neighbours are alike: ${near / far}`);
  t.ok(near > 0.005 * far, 'but there are edges');
  t.ok(colours < 2 * energy, 'channels go together');
});

t.test('a folder of pictures calibrates, squashed to the input', async (t) => {
  const folder = folderFor(t);
  mkdirSync(join(folder, 'photos'));
  const graph = classifier();
  for (let i = 0; i < 6; i++) {
    const { width, height, data } = picture(24 + i, 20, i);
    const rgba = Buffer.alloc(4 * width * height, 255);
    for (let p = 0; p < width * height; p++) rgba.set(data.subarray(3 * p, 3 * p + 3), 4 * p);
    const jpeg = encode({ width, height, data: rgba }, 95).data;
    writeFileSync(
      join(folder, `photos/${i}.${i % 2 ? 'png' : 'jpg'}`),
      i % 2 ? png({ width, height, data }) : jpeg,
    );
  }
  const inputs = await findInputs('photos', folder);
  t.equal(inputs.kind, 'pictures');
  const samples = inputs.samples(graph);
  t.equal(samples.length, 6, 'one input a picture');
  t.ok(
    samples.every(({ x }) => x!.data.length === 768 && Math.max(...x!.data) <= 1),
    'in [0, 1]',
  );
  const scaled = await findInputs('photos', folder, { preprocessing: { '*': { scale: 1 } } });
  t.ok(
    scaled.samples(graph).some(({ x }) => Math.max(...x!.data) > 2),
    'as the configuration says',
  );
  t.not(scaled.sha256, inputs.sha256, 'which other plans come of');

  writeFileSync(join(folder, 'photos/z.npy'), 'x');
  t.equal(
    await code(findInputs('photos', folder)),
    'BAD_SAMPLES',
    'pictures and arrays do not mix',
  );
  rmSync(join(folder, 'photos/z.npy'));
  writeFileSync(join(folder, 'photos/z.png'), 'x');
  const damaged = async () => (await findInputs('photos', folder)).samples(graph);
  t.equal(await code(damaged()), 'BAD_SAMPLES', 'a damaged file is named');
  writeFileSync(join(folder, 'net.onnx'), writeOnnx(graph));
  mkdirSync(join(folder, 'one'));
  writeFileSync(join(folder, 'one/a.png'), png(picture(16, 16)));
  const few = buildModel(
    join(folder, 'net.onnx'),
    parseDirectives('target=laptop&calib=one'),
    undefined,
    { threads: 1 },
  );
  t.equal(await code(few), 'TOO_FEW_INPUTS', 'one cannot be split');
});

t.test('a module yields inputs, as TypeScript too', async (t) => {
  const folder = folderFor(t);
  const [graph, module] = [classifier(), join(folder, 'inputs.ts')];
  writeFileSync(
    module,
    `export default async function* (): AsyncGenerator<unknown> {
      yield new Float32Array(768).fill(0.5);
      yield { x: Array.from({ length: 768 }, (_, i) => i) };
      yield { width: 2, height: 2, data: new Uint8Array(16).fill(255) };
    }`,
  );
  const inputs = await findInputs('./inputs.ts', folder);
  const samples = inputs.samples(graph);
  t.same(
    samples.map(({ x }) => x!.data[3]),
    [0.5, 3, 1],
    'arrays, records, pictures',
  );
  writeFileSync(module, 'export default [new Float32Array(3)];');
  const wrong = await findInputs('./inputs.ts', folder);
  t.throws(() => wrong.samples(graph), { code: 'BAD_SAMPLES', message: /3 numbers/ });
  t.not(wrong.sha256, inputs.sha256, 'other inputs are noticed');
  for (const text of ['export default 3;', 'export const x = [];']) {
    writeFileSync(module, text);
    t.equal(await code(findInputs('./inputs.ts', folder)), 'BAD_SAMPLES', text);
  }
  writeFileSync(module, 'export default [');
  t.equal(await code(findInputs('./inputs.ts', folder)), 'BAD_MODULE', 'a module that is none');
});

t.test('a task judges by its own metric, on the half that is held out', async (t) => {
  const folder = folderFor(t);
  writeFileSync(join(folder, 'net.onnx'), writeOnnx(classifier()));
  const task = (metric: string) =>
    writeFileSync(
      join(folder, 'net.task.ts'),
      `const data = Array.from({ length: 6 }, (_, i) => ({
        input: Float32Array.from({ length: 768 }, (_, k) => Math.sin(i + k)),
        index: i,
      }));
      export default { data, metric: ${metric} };`,
    );
  task(
    '(outputs, examples) => examples.every(({ index }) => index % 2 === 1) ? 40 + outputs.length : 0',
  );
  const build = () =>
    buildModel(
      join(folder, 'net.onnx'),
      parseDirectives('target=laptop&scheme=blockColumns&sparsity=0.5'),
      undefined,
      { threads: 1 },
    );
  const { fit, externalFiles } = await build();
  t.equal(fit?.plan?.dense.score, 43, 'three examples, the odd ones');
  t.match(fit?.plan, { metric: 'metric', inputs: { kind: 'task', count: 6 } });
  t.ok(
    externalFiles.some((file) => file.endsWith('net.task.ts')),
    'it is watched',
  );
  task('() => Number.NaN');
  t.equal(await code(build()), 'BAD_MODULE', 'a metric is a number');
  writeFileSync(join(folder, 'net.task.ts'), 'export default {};');
  t.equal(await code(build()), 'BAD_MODULE', 'a task has data and a metric');
});

t.test('a configuration speaks of all models, and of one', async (t) => {
  const folder = folderFor(t);
  const config = join(folder, 'espalier.config.ts');
  const text = `export default {
    target: './my.device.json', drop: 0.02,
    models: { 'a/net.onnx': { drop: 0.5, layers: { conv1: { scheme: 'none' } } } },
  };`;
  writeFileSync(config, text);
  const own = await readConfig(folder, join(folder, 'a/net.onnx'));
  const directives = parseDirectives('', ...own.directives);
  t.equal(directives.drop, 0.5, 'the model’s own word counts more');
  t.equal(directives.target, join(folder, 'my.device.json'), 'paths start at the project');
  t.same(own.layers, { conv1: { scheme: 'none' } }, 'layers');
  const other = await readConfig(folder, join(folder, 'b/net.onnx'));
  t.equal(parseDirectives('', ...other.directives).drop, 0.02, 'others take the common one');
  writeFileSync(config, 'export default { models: {}, dorp: 1 };');
  t.equal(await code(readConfig(folder, 'net.onnx')), 'UNKNOWN_OPTION_IN', 'misspelt words');
  for (const [pin, wanted] of [
    ['{ sparsty: 0.5 }', 'UNKNOWN_OPTION_IN'],
    ['{ sparsity: 1.5 }', 'BAD_DIRECTIVE'],
    ['{ width: 0 }', 'BAD_DIRECTIVE'],
    ["{ sparsity: 'none' }", 'BAD_DIRECTIVE'],
    ["{ scheme: 'unstructurd' }", 'BAD_DIRECTIVE'],
  ]) {
    writeFileSync(config, `export default { layers: { conv1: ${pin} } };`);
    t.equal(await code(readConfig(folder, 'net.onnx')), wanted, `what is said of a layer: ${pin}`);
  }
  writeFileSync(config, 'export default 3;');
  t.equal(await code(readConfig(folder, 'net.onnx')), 'BAD_MODULE', 'no configuration');
});

t.test('a text detector takes made-up writing for text', async (t) => {
  placeModels();
  const shape = { x: [1, 3, modelSize.height, modelSize.width] };
  const graph = importOnnx(readFileSync(modelPath('text-detector.onnx')), {
    file: 'text',
    shapes: shape,
  });
  const run = createRun(graph);
  // Pages, and writing over scenes, in both inks: kinds 3 and 4 of 5.
  for (const seed of [3, 4, 8, 9]) {
    const { width, height, data } = syntheticPicture(modelSize.width, modelSize.height, seed);
    const rgba = Uint8Array.from({ length: 4 * width * height }, (_, i) =>
      i % 4 === 3 ? 255 : data[3 * (i >> 2) + (i % 4)]!,
    );
    const x = { type: graph.inputs[0]!.type, data: toTensor(rgba) };
    const [map] = Object.values(run({ x }));
    const boxes = findBoxes(map!.data as Float32Array, width); // a network of floats
    t.ok(boxes.length >= 5, `${boxes.length} lines in picture ${seed}`);
  }
});
