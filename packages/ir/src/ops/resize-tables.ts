// Which inputs an output of a resize reads, and how much of each: ONNX's definition of Resize, one
// axis at a time.

/** Where an output coordinate lies in the input; names as in ONNX. */
export type CoordinateMode =
  | 'half_pixel'
  | 'half_pixel_symmetric'
  | 'pytorch_half_pixel'
  | 'align_corners'
  | 'asymmetric'
  | 'tf_half_pixel_for_nn'
  | 'tf_crop_and_resize';

/** Which neighbour `nearest` takes; names as in ONNX. */
export type NearestMode = 'round_prefer_floor' | 'round_prefer_ceil' | 'floor' | 'ceil';

/** How values between pixels are made. */
export interface Interpolation {
  readonly mode: 'nearest' | 'linear' | 'cubic';
  readonly coordinates: CoordinateMode;
  readonly nearest: NearestMode;
  /** Coefficient of the cubic, -0.75 by default in ONNX. */
  readonly cubicA: number;
  /** Whether taps outside the input lose their weight, in place of repeating the border. */
  readonly excludeOutside: boolean;
  /** Whether shrinking widens the filter. */
  readonly antialias: boolean;
}

/** One axis that changes. */
export interface ResizedAxis {
  readonly axis: number;
  readonly outLength: number;
  /** Output over input, as the model says: with `outLength` rounded, not always their quotient. */
  readonly scale: number;
  /** Part of the input that `tf_crop_and_resize` takes, from 0 to 1. */
  readonly roi?: readonly [start: number, end: number];
}

/** The taps of each output along one axis. */
export interface ResizeTable {
  readonly taps: number;
  /** `[outLength, taps]`, inside the input. */
  readonly indices: Int32Array;
  /** `[outLength, taps]` */
  readonly weights: Float32Array;
  /** Whether an output lies inside the input: outside, `tf_crop_and_resize` extrapolates. */
  readonly inside: readonly boolean[];
}

const f = Math.fround;

/**
 * Every step is rounded to f32, as engines compute it: in doubles a scale of 0.8 is off by just so
 * much that ties, which `nearest` decides by, are none.
 */
function coordinate(x: number, size: number, to: ResizedAxis, mode: CoordinateMode): number {
  const { outLength, roi = [0, 1] } = to;
  const scale = f(to.scale);
  const centred = f(f((x + 0.5) / scale) - 0.5);
  switch (mode) {
    case 'half_pixel':
      return centred;
    case 'half_pixel_symmetric': {
      const offset = f((size / 2) * f(1 - f(outLength / f(scale * size))));
      return f(f(offset + f((x + 0.5) / scale)) - 0.5);
    }
    case 'pytorch_half_pixel':
      return outLength === 1 ? 0 : centred;
    case 'align_corners':
      return outLength === 1 ? 0 : f((x * (size - 1)) / (outLength - 1));
    case 'asymmetric':
      return f(x / scale);
    case 'tf_half_pixel_for_nn':
      return f((x + 0.5) / scale);
    case 'tf_crop_and_resize': {
      const [start, end] = [f(roi[0]), f(roi[1])];
      if (outLength === 1) return f(f(0.5 * f(start + end)) * (size - 1));
      const along = f(f(f(x * f(end - start)) * (size - 1)) / (outLength - 1));
      return f(f(start * (size - 1)) + along);
    }
  }
}

const cubic = (distance: number, a: number): number => {
  const x = Math.abs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
};

function nearestWeights(ratio: number, mode: NearestMode): number[] {
  if (ratio === 1) return [0, 1];
  const up = {
    round_prefer_floor: ratio > 0.5,
    round_prefer_ceil: ratio >= 0.5,
    floor: false,
    ceil: true,
  }[mode];
  return up ? [0, 1] : [1, 0];
}

/** Weights of the neighbours around a point `ratio` behind the middle-left one, `ratio` in (0, 1]. */
function weightsAt(ratio: number, scale: number, how: Interpolation): number[] {
  if (how.mode === 'nearest') return nearestWeights(ratio, how.nearest);
  const reach = how.mode === 'linear' ? 1 : 2;
  const shrink = how.antialias ? Math.min(scale, 1) : 1;
  const first = Math.floor(-reach / shrink) + 1;
  const weights = Array.from({ length: 2 - 2 * first }, (_, i) => {
    const distance = (first + i - ratio) * shrink;
    return how.mode === 'linear'
      ? Math.max(0, 1 - Math.abs(distance))
      : cubic(distance, how.cubicA);
  });
  return how.antialias ? normalised(weights) : weights;
}

const normalised = (weights: readonly number[]): number[] => {
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
};

/** The table of one axis of `size` elements. */
export function resizeTable(size: number, to: ResizedAxis, how: Interpolation): ResizeTable {
  const rows = Array.from({ length: to.outLength }, (_, x) => {
    const position = coordinate(x, size, to, how.coordinates);
    // The pixel on the left is the base, so a point on a pixel lies 1 behind its left neighbour.
    const base = Math.ceil(position) - 1;
    const weights = weightsAt(position - base, to.scale, how);
    const start = base + 1 - weights.length / 2;
    const kept = how.excludeOutside
      ? normalised(weights.map((w, i) => (start + i < 0 || start + i >= size ? 0 : w)))
      : weights;
    const cropped = how.coordinates === 'tf_crop_and_resize';
    return { start, kept, inside: !cropped || (position >= 0 && position <= size - 1) };
  });
  const nearest = how.mode === 'nearest';
  const taps = nearest ? 1 : Math.max(1, ...rows.map(({ kept }) => kept.length));
  const indices = new Int32Array(to.outLength * taps);
  const weights = new Float32Array(to.outLength * taps);
  rows.forEach(({ start, kept }, x) => {
    // Nearest is a copy: one tap, of weight 1.
    const list = nearest ? [{ i: kept.indexOf(1), w: 1 }] : kept.map((w, i) => ({ i, w }));
    list.forEach(({ i, w }, tap) => {
      indices[x * taps + tap] = Math.min(Math.max(start + i, 0), size - 1);
      weights[x * taps + tap] = w;
    });
  });
  return { taps, indices, weights, inside: rows.map(({ inside }) => inside) };
}
