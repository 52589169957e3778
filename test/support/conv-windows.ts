// Windows of convolutions that kernels stumble over.

/** How a window lies; by default 3 × 3 with a margin of 1. */
export interface Window {
  readonly taps?: readonly [number, number];
  readonly stride?: readonly [number, number];
  readonly dilation?: readonly [number, number];
  readonly pads?: readonly [number, number, number, number];
}

/** One pixel. */
export const flat: Window = { taps: [1, 1], pads: [0, 0, 0, 0] };

/** Windows by what they are. */
export const windows: Readonly<Record<string, Window>> = {
  '1×1': flat,
  '1×1, stride 2': { ...flat, stride: [2, 2] },
  '3×3': {},
  '3×3, stride 2': { stride: [2, 2] },
  '2×5, dilated': { taps: [2, 5], dilation: [2, 1], pads: [1, 0, 2, 3] },
};
