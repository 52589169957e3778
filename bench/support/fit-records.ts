// The networks that are fitted: on what they calibrate, how they are judged, and what is asked of them.

import { readFileSync } from 'node:fs';
import type { Wish } from '../../packages/espalier/src/fit/wish.ts';
import { decodePicture, type Picture } from '../../packages/espalier/src/inputs/picture.ts';
import { sharedData } from '../../test/support/shared-data.ts';
import { readZip } from '../../test/support/zip.ts';
import {
  ap50,
  type Box,
  type Outputs,
  type Peak,
  psnrY,
  sharedPeaks,
  suppress,
  topOf,
} from './fit-metrics.ts';

/** Runs a network on a picture, through the network's own preprocessing. */
export type See = (picture: Picture) => Outputs;

/** One network. */
export interface FitRecord {
  readonly model: string;
  /** How many times as fast as our dense program, measured. */
  readonly speedup: number;
  readonly wish: Wish;
  /** Pictures without labels; made-up ones where it is absent. */
  calibration?(): Picture[];
  /** Quality, more being better, and what may be lost of it. */
  readonly quality?: {
    readonly unit: string;
    readonly loss: number;
    of(see: See, dense: See): number;
  };
}

const members = (archive: string, pattern: RegExp, count: number): Picture[] => {
  const zip = readZip(readFileSync(sharedData(archive)));
  const names = [...zip.keys()].filter((name) => pattern.test(name)).sort();
  return Array.from({ length: Math.min(count, names.length) }, (_, i) => {
    const name = names[Math.floor((i * names.length) / Math.min(count, names.length))]!;
    return decodePicture(zip.get(name)!(), name);
  });
};

/** Photographs of other collections than those that are judged on. */
const strangers = (): Picture[] => [
  ...members('pennfudan/train.zip', /^images\/|\/images\//, 60),
  ...members('camvid/train.zip', /images\//, 30),
  ...members('sr/train-t91.zip', /\.png$/, 91),
];

/** Photographs that `judged` has none of. */
const photos = (): Picture[] => [...cocoPictures((i) => i % 2 === 1), ...strangers()];

/** Some of the pictures of coco-mini, by their place. */
function cocoPictures(wanted: (index: number) => boolean): Picture[] {
  return members('coco-mini/train.zip', /\.jpg$/, 104).filter((_, i) => wanted(i));
}

/** Parts of pictures for super-resolution, none overlapping another. */
const tiles = (): Picture[] =>
  [
    ...members('sr/train-t91.zip', /\.png$/, 91),
    ...members('sr/train-div2k-small.zip', /\.png$/, 12),
  ].flatMap((picture) => {
    const [columns, rows] = [picture.width, picture.height].map((size) =>
      Math.max(1, Math.floor(size / tile)),
    ) as [number, number]; // as many as it is made of
    return Array.from({ length: columns * rows }, (_, i) =>
      crop(picture, tile * (i % columns), tile * Math.floor(i / columns), tile, tile),
    );
  });

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

const first = (outputs: Outputs): Float32Array => Object.values(outputs)[0]!.data as Float32Array;

const cifarClasses = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
];

/** Top-1 accuracy on the test pictures of CIFAR-10, in percent. */
function cifarAccuracy(see: See): number {
  const zip = readZip(readFileSync(sharedData('cifar10/test.zip')));
  const names = [...zip.keys()].filter((name) => name.endsWith('.jpg'));
  const right = names.filter((name) => {
    const label = cifarClasses.indexOf(name.split('/').at(-2)!);
    return topOf(first(see(decodePicture(zip.get(name)!(), name)))) === label;
  });
  return (100 * right.length) / names.length;
}

/** Side of the tiles that a super-resolution network of a fixed size takes, and what they overlap. */
const tile = 96;
const overlap = 12;

/** PSNR of brightness on Set5, in dB: pictures go through in tiles. */
function set5Psnr(see: See): number {
  const zip = readZip(readFileSync(sharedData('sr/set5.zip')));
  const names = [...zip.keys()].filter((name) => /LRx2\/.*\.png$/.test(name));
  return mean(
    names.map((name) => {
      const low = decodePicture(zip.get(name)!(), name);
      const high = decodePicture(zip.get(name.replace('LRx2', 'HR'))!(), name);
      const [width, height] = [2 * low.width, 2 * low.height];
      const result = new Float32Array(3 * width * height);
      const starts = (extent: number) => {
        const list: number[] = [];
        for (let at = 0; at < extent - tile; at += tile - 2 * overlap) list.push(at);
        return [...list, Math.max(0, extent - tile)];
      };
      for (const top of starts(low.height))
        for (const left of starts(low.width)) {
          const part = crop(low, left, top, tile, tile);
          const y = first(see(part));
          const inner = (at: number, extent: number) =>
            at === 0 ? 0 : Math.min(overlap, Math.max(0, extent));
          for (let c = 0; c < 3; c++)
            for (let v = 2 * inner(top, low.height); v < 2 * tile; v++)
              for (let u = 2 * inner(left, low.width); u < 2 * tile; u++) {
                const [row, column] = [2 * top + v, 2 * left + u];
                if (row < height && column < width)
                  result[(c * height + row) * width + column] =
                    y[(c * 2 * tile + v) * 2 * tile + u]!;
              }
        }
      const wanted = Float32Array.from({ length: 3 * width * height }, (_, i) => {
        const [c, at] = [Math.floor(i / (width * height)), i % (width * height)];
        const [row, column] = [Math.floor(at / width), at % width];
        return high.data[3 * (row * high.width + column) + c]!;
      });
      return psnrY(result, wanted, width, height, 2);
    }),
  );
}

/** A part of a picture; beyond its borders the last row and column go on. */
function crop({ width, height, data }: Picture, left: number, top: number, w: number, h: number) {
  const part = new Uint8Array(3 * w * h);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) {
      const [row, column] = [Math.min(height - 1, top + y), Math.min(width - 1, left + x)];
      const at = 3 * (row * width + column);
      part.set(data.subarray(at, at + 3), 3 * (y * w + x));
    }
  return { width: w, height: h, data: part };
}

interface Coco {
  readonly images: readonly { readonly id: number; readonly file_name: string }[];
  readonly annotations: readonly {
    readonly image_id: number;
    readonly category_id: number;
    readonly iscrowd?: number;
    readonly bbox: readonly [number, number, number, number];
  }[];
  readonly categories: readonly { readonly id: number }[];
}

/** Boxes of FastestDet, in fractions of the picture, by the formula of its specification. */
function fastestDetBoxes(output: Float32Array): Box[] {
  const [cells, classes] = [22, 80];
  const plane = cells * cells;
  const boxes: Box[] = [];
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  for (let row = 0; row < cells; row++)
    for (let column = 0; column < cells; column++) {
      const at = (channel: number) => output[channel * plane + row * cells + column]!;
      const scores = Array.from({ length: classes }, (_, k) => at(5 + k));
      const label = topOf(scores);
      const score = at(0) ** 0.6 * scores[label]! ** 0.4;
      if (!(score > 0.01)) continue;
      const [x, y] = [(column + Math.tanh(at(1))) / cells, (row + Math.tanh(at(2))) / cells];
      const [w, h] = [sigmoid(at(3)), sigmoid(at(4))];
      boxes.push({ corners: [x - w / 2, y - h / 2, x + w / 2, y + h / 2], score, label });
    }
  return suppress(boxes);
}

/** AP50 on coco-mini, in percent. */
function cocoAp50(see: See): number {
  const coco = JSON.parse(
    readFileSync(sharedData('coco-mini/instances_train.json'), 'utf8'),
  ) as Coco;
  const labelOf = new Map(
    coco.categories
      .map(({ id }) => id)
      .sort((a, b) => a - b)
      .map((id, index) => [id, index]),
  );
  const zip = readZip(readFileSync(sharedData('coco-mini/train.zip')));
  return ap50(
    coco.images.map(({ id, file_name: name }) => {
      const member = [...zip.keys()].find((key) => key.endsWith(name))!;
      const picture = decodePicture(zip.get(member)!(), name);
      const wanted = coco.annotations
        .filter((each) => each.image_id === id && each.iscrowd !== 1)
        .map(({ bbox: [x, y, w, h], category_id: category }) => ({
          corners: [
            x / picture.width,
            y / picture.height,
            (x + w) / picture.width,
            (y + h) / picture.height,
          ] as const,
          label: labelOf.get(category)!,
        }));
      return { found: fastestDetBoxes(first(see(picture))), wanted };
    }),
  );
}

/** Pictures on which what is found is compared with what the dense network finds. */
const judged = (): Picture[] => cocoPictures((i) => i % 2 === 0);

/** Steps of UltraFace's grids, and the sizes of the boxes at each place, in pixels of 320 by 240. */
const faceGrids = [
  { step: 8, sizes: [10, 16, 24] },
  { step: 16, sizes: [32, 48] },
  { step: 32, sizes: [64, 96] },
  { step: 64, sizes: [128, 192, 256] },
] as const;

/** Centres and sides of the boxes that offsets count from, in fractions of the picture. */
const facePriors = faceGrids.flatMap(({ step, sizes }) => {
  const [columns, rows] = [Math.ceil(320 / step), Math.ceil(240 / step)];
  return Array.from({ length: columns * rows }, (_, at) =>
    sizes.map((size) => ({
      x: ((at % columns) + 0.5) * (step / 320),
      y: (Math.floor(at / columns) + 0.5) * (step / 240),
      width: size / 320,
      height: size / 240,
    })),
  ).flat();
});

/** Faces of UltraFace: offsets from its own boxes, centres in tenths and sides in fifths of a logarithm. */
function faces({ scores, boxes }: Outputs, least: number): Box[] {
  const found: Box[] = [];
  for (const [i, prior] of facePriors.entries()) {
    const score = scores!.data[2 * i + 1]!;
    if (!(score > least)) continue;
    const at = (k: number) => boxes!.data[4 * i + k]!;
    const [x, y] = [prior.x + 0.1 * at(0) * prior.width, prior.y + 0.1 * at(1) * prior.height];
    const [w, h] = [prior.width * Math.exp(0.2 * at(2)), prior.height * Math.exp(0.2 * at(3))];
    found.push({ corners: [x - w / 2, y - h / 2, x + w / 2, y + h / 2], score, label: 0 });
  }
  return suppress(found);
}

/** AP50 of faces, where the dense network is sure of them, in percent. */
const facesAp50 = (see: See, dense: See): number =>
  ap50(
    judged().map((picture) => ({
      found: faces(see(picture), 0.1),
      wanted: faces(dense(picture), 0.7),
    })),
  );

/** Body parts: the peaks of their maps. */
function peaksOf(outputs: Outputs): Peak[] {
  const [rows, columns, parts] = [46, 54, 18];
  const data = first(outputs);
  const found: Peak[] = [];
  for (let map = 0; map < parts; map++)
    for (let y = 1; y < rows - 1; y++)
      for (let x = 1; x < columns - 1; x++) {
        const at = (v: number, u: number) => data[(map * rows + v) * columns + u]!;
        const here = at(y, x);
        if (here < 0.25) continue;
        const around = [at(y - 1, x), at(y + 1, x), at(y, x - 1), at(y, x + 1)];
        if (around.every((other) => here >= other)) found.push({ map, x, y });
      }
  return found;
}

/** Body parts that both find, within two cells of 8 pixels, in percent. */
const sharedJoints = (see: See, dense: See): number =>
  sharedPeaks(
    judged().map((picture): [Peak[], Peak[]] => [peaksOf(see(picture)), peaksOf(dense(picture))]),
    2,
  );

/** Pixels that both take for the same, person or background, in percent. */
function samePixels(see: See, dense: See): number {
  const shares = judged().map((picture) => {
    const [a, b] = [see(picture), dense(picture)].map((outputs) =>
      Float32Array.from(first(outputs)),
    );
    const half = a!.length / 2;
    let same = 0;
    for (let i = half; i < a!.length; i++) if (a![i]! > 0.5 === b![i]! > 0.5) same++;
    return (100 * same) / half;
  });
  return mean(shares);
}

/**
 * A plan that is a little faster than is asked for, whatever it loses: quality has a bar of its own, and prices of Node
 * promise too much of Chromium.
 */
const asFast = (speedup: number, times = 1.12): Wish => ({ speedup: times * speedup, drop: 1 });

/** Every network. */
export const fitRecords: readonly FitRecord[] = [
  {
    model: 'resnet20_cifar10',
    speedup: 1.4,
    wish: asFast(1.4, 1.06),
    calibration: () => members('cifar10/train.zip', /\.jpg$/, 2048),
    quality: { unit: '% top-1', loss: 2, of: cifarAccuracy },
  },
  { model: 'vgg16_cifar', speedup: 2, wish: { drop: 10, pins: { sparsity: 0.7 } } },
  { model: 'resnet18', speedup: 2, wish: { drop: 10, pins: { sparsity: 0.7 } } },
  {
    model: 'rlfn_s_x2',
    speedup: 1.3,
    wish: asFast(1.3),
    calibration: tiles,
    quality: { unit: 'dB', loss: 0.15, of: set5Psnr },
  },
  {
    model: 'ultraface_rfb_320',
    speedup: 1.2,
    wish: asFast(1.2),
    calibration: photos,
    quality: { unit: '% AP50 of the dense faces', loss: 1.5, of: facesAp50 },
  },
  {
    model: 'fastestdet',
    speedup: 1.2,
    wish: asFast(1.2),
    calibration: strangers, // it is judged on all of coco-mini
    quality: { unit: '% AP50', loss: 1.5, of: cocoAp50 },
  },
  {
    model: 'tfpose_mobilenet_v2_small',
    speedup: 1.2,
    wish: asFast(1.2),
    calibration: photos,
    quality: { unit: '% of joints', loss: 1.5, of: sharedJoints },
  },
  {
    model: 'sinet_portrait',
    speedup: 1.2,
    // Little more can be pruned.
    wish: asFast(1.2, 1.05),
    calibration: photos,
    quality: { unit: '% of pixels', loss: 1.5, of: samePixels },
  },
];
