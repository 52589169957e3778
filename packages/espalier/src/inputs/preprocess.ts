// Pictures become inputs: x = (byte · scale − mean) / std, channels in order, laid out as the input is.

import { allocate, type InputNode, type Tensor } from '@espalier/ir';
import { badPreprocessing } from '../errors.ts';
import { type Picture, resize } from './picture.ts';

/** How a picture becomes an input; what is left out is learnt or usual. */
export interface Preprocessing {
  readonly order?: 'rgb' | 'bgr';
  /** Usually found out by the shape. */
  readonly layout?: 'nchw' | 'nhwc';
  /** Of bytes, before `mean` and `std`; default 1/255. */
  readonly scale?: number;
  /** One number, or one a channel in the network's order; default 0. */
  readonly mean?: number | readonly number[];
  /** Likewise; default 1. */
  readonly std?: number | readonly number[];
}

/** What an input is as a picture. */
export interface PictureShape {
  readonly layout: 'nchw' | 'nhwc';
  readonly count: number;
  readonly channels: 1 | 3;
  readonly height: number;
  readonly width: number;
}

/** Fewer rows or columns than these are no picture. */
const leastExtent = 8;

/** How an input holds pictures: `undefined` where it cannot. */
export function pictureShape(
  { type: { dtype, shape } }: Pick<InputNode, 'type'>,
  asked?: Preprocessing['layout'],
): PictureShape | undefined {
  if (dtype === 'bool' || dtype === 'u8' || shape.length < 3 || shape.length > 4) return undefined;
  const [count, a, b, c] = [...(shape.length === 3 ? [1] : []), ...shape] as [
    number,
    number,
    number,
    number,
  ];
  const isChannels = (extent: number): extent is 1 | 3 => extent === 1 || extent === 3;
  const candidates: PictureShape[] = [];
  if (isChannels(a)) candidates.push({ layout: 'nchw', count, channels: a, height: b, width: c });
  if (isChannels(c)) candidates.push({ layout: 'nhwc', count, channels: c, height: a, width: b });
  return candidates.find(
    ({ layout, height, width }) =>
      Math.min(height, width) >= leastExtent && (asked === undefined || asked === layout),
  );
}

/** Luma of BT.601 of red, green and blue. */
const luma = [0.299, 0.587, 0.114] as const;

const perChannel = (value: number | readonly number[] | undefined, usual: number, count: number) =>
  Array.from({ length: count }, (_, c) =>
    value === undefined ? usual : typeof value === 'number' ? value : value[c]!,
  );

/**
 * An input of as many pictures as it takes.
 *
 * @throws {EspalierError} BAD_PREPROCESSING
 */
export function pictureTensor(
  input: InputNode,
  shape: PictureShape,
  pictures: readonly Picture[],
  { order = 'rgb', scale = 1 / 255, mean, std }: Preprocessing,
): Tensor {
  const { layout, channels, height, width } = shape;
  for (const [name, value] of Object.entries({ mean, std }))
    if (typeof value === 'object' && value.length !== channels)
      throw badPreprocessing(input.name, `${name} has ${value.length} numbers, not ${channels}`);
  const means = perChannel(mean, 0, channels);
  const deviations = perChannel(std, 1, channels);
  const data = allocate(input.type);
  const pixels = height * width;
  pictures.forEach((picture, n) => {
    const { data: rgb } = resize(picture, width, height);
    for (let p = 0; p < pixels; p++)
      for (let c = 0; c < channels; c++) {
        const byte =
          channels === 1
            ? luma.reduce((sum, weight, k) => sum + weight * rgb[3 * p + k]!, 0)
            : rgb[3 * p + (order === 'bgr' ? 2 - c : c)]!;
        const value = (byte * scale - means[c]!) / deviations[c]!;
        const at = layout === 'nchw' ? c * pixels + p : p * channels + c;
        data[n * pixels * channels + at] = value;
      }
  });
  return { type: input.type, data };
}
