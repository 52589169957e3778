// Pictures: decoding of JPEG and PNG, and resizing.

import { decode } from 'jpeg-js';
import { PNG } from 'pngjs';
import { badSamples } from '../errors.ts';

/** Bytes `[height, width, 3]`, red first. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Larger pictures are refused: a few bytes can claim any size. */
const mostMegapixels = 100;

const isPng = (bytes: Uint8Array): boolean =>
  [0x89, 0x50, 0x4e, 0x47].every((byte, i) => bytes[i] === byte);

/** Whether a file's name is that of a picture. */
export const isPictureName = (file: string): boolean => /\.(jpe?g|png)$/i.test(file);

/**
 * Decodes a picture; what is transparent lies on white.
 *
 * @throws {EspalierError} BAD_SAMPLES
 */
export function decodePicture(bytes: Uint8Array, file: string): Picture {
  try {
    const { width, height, data } = isPng(bytes) ? decodePng(bytes) : decodeJpeg(bytes);
    const rgb = new Uint8Array(3 * width * height);
    for (let i = 0; i < width * height; i++) {
      const alpha = data[4 * i + 3]! / 255;
      for (let c = 0; c < 3; c++)
        rgb[3 * i + c] = Math.round(alpha * data[4 * i + c]! + (1 - alpha) * 255);
    }
    return { width, height, data: rgb };
  } catch (cause) {
    throw badSamples(file, 'is no picture that can be decoded', cause);
  }
}

const decodeJpeg = (bytes: Uint8Array) =>
  decode(bytes, {
    useTArray: true,
    maxResolutionInMP: mostMegapixels,
    maxMemoryUsageInMB: 2048,
    tolerantDecoding: false,
  });

function decodePng(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // The first chunk holds width and height.
  if (view.getUint32(16) * view.getUint32(20) > mostMegapixels * 1e6)
    throw new Error('it is too large');
  return PNG.sync.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/** For each new place, the old places that it is a mean of, with their weights. */
function taps(from: number, to: number): { readonly first: number; readonly weights: number[] }[] {
  const scale = from / to;
  // A triangle as wide as a new pixel, or as an old one where the picture grows.
  const reach = Math.max(1, scale);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale - 0.5;
    const first = Math.max(0, Math.ceil(centre - reach));
    const last = Math.min(from - 1, Math.floor(centre + reach));
    const weights = Array.from({ length: last - first + 1 }, (_, k) =>
      Math.max(0, 1 - Math.abs(first + k - centre) / reach),
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return total > 0
      ? { first, weights: weights.map((weight) => weight / total) }
      : { first: Math.min(from - 1, Math.max(0, Math.round(centre))), weights: [1] };
  });
}

/** The picture in another size, squashed where proportions differ: linear, with anti-aliasing. */
export function resize(picture: Picture, width: number, height: number): Picture {
  if (picture.width === width && picture.height === height) return picture;
  const columns = taps(picture.width, width);
  const rows = taps(picture.height, height);
  const narrow = new Float32Array(picture.height * width * 3);
  for (let y = 0; y < picture.height; y++)
    columns.forEach(({ first, weights }, x) => {
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        weights.forEach((weight, k) => {
          sum += weight * picture.data[(y * picture.width + first + k) * 3 + c]!;
        });
        narrow[(y * width + x) * 3 + c] = sum;
      }
    });
  const data = new Uint8Array(height * width * 3);
  rows.forEach(({ first, weights }, y) => {
    for (let at = 0; at < width * 3; at++) {
      let sum = 0;
      weights.forEach((weight, k) => {
        sum += weight * narrow[(first + k) * width * 3 + at]!;
      });
      data[y * width * 3 + at] = Math.round(sum);
    }
  });
  return { width, height, data };
}
