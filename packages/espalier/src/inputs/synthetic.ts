// Pictures with natural statistics, where the user has none: dead leaves, noise whose power falls with
// frequency, and plain shapes on gradients.

import { randomSource } from '@espalier/ir';
import type { Picture } from './picture.ts';

type Random = () => number;

/** A canvas of floats in [0, 1], `[height, width, 3]`. */
interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

const blank = (width: number, height: number): Canvas => ({
  width,
  height,
  data: new Float32Array(3 * width * height),
});

const colour = (random: Random): number[] => {
  // Most colours of photographs are near grey.
  const grey = random();
  const strength = 0.6 * random() ** 2;
  return Array.from({ length: 3 }, () => grey * (1 - strength) + strength * random());
};

/** Adds octaves of smooth noise, each half as strong as the one of half its frequency: a spectrum of 1/f. */
function addNoise({ width, height, data }: Canvas, random: Random, strength: number): void {
  const longest = Math.max(width, height);
  for (let cell = longest; cell >= 2; cell /= 2) {
    const amplitude = (strength * cell) / longest;
    const [columns, rows] = [Math.ceil(width / cell) + 2, Math.ceil(height / cell) + 2];
    // Channels move together, mostly.
    const grid = Float32Array.from({ length: columns * rows * 4 }, () => random() - 0.5);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const [v, u] = [y / cell, x / cell];
        const [top, left] = [Math.floor(v), Math.floor(u)];
        const [down, right] = [v - top, u - left];
        for (let c = 0; c < 3; c++) {
          const at = (row: number, column: number) => {
            const cellAt = 4 * ((top + row) * columns + left + column);
            return grid[cellAt + 3]! + 0.4 * grid[cellAt + c]!;
          };
          const upper = at(0, 0) * (1 - right) + at(0, 1) * right;
          const lower = at(1, 0) * (1 - right) + at(1, 1) * right;
          data[3 * (y * width + x) + c]! += amplitude * (upper * (1 - down) + lower * down);
        }
      }
  }
}

/** Fills with a gradient between two colours. */
function addGradient({ width, height, data }: Canvas, random: Random): void {
  const [from, to] = [colour(random), colour(random)];
  const angle = 2 * Math.PI * random();
  const [dx, dy] = [Math.cos(angle) / width, Math.sin(angle) / height];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const t = Math.min(1, Math.max(0, 0.5 + (x - width / 2) * dx + (y - height / 2) * dy));
      for (let c = 0; c < 3; c++) data[3 * (y * width + x) + c]! += from[c]! * (1 - t) + to[c]! * t;
    }
}

/** Draws one shape over what is there: a disc, a box or a line of strokes. */
function drawShape(canvas: Canvas, random: Random, radius: number): void {
  const { width, height, data } = canvas;
  const [cx, cy] = [random() * width, random() * height];
  const paint = colour(random);
  const kind = Math.floor(3 * random());
  const aspect = 0.3 + 1.4 * random();
  const angle = Math.PI * random();
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const reach = Math.ceil(radius * Math.max(1, aspect) * 1.5);
  const shade = 0.25 * (random() - 0.5);
  for (let y = Math.max(0, Math.floor(cy - reach)); y < Math.min(height, cy + reach); y++)
    for (let x = Math.max(0, Math.floor(cx - reach)); x < Math.min(width, cx + reach); x++) {
      const [u, v] = [
        (cos * (x - cx) + sin * (y - cy)) / radius,
        (cos * (y - cy) - sin * (x - cx)) / (radius * aspect),
      ];
      const inside =
        kind === 0
          ? u * u + v * v < 1
          : kind === 1
            ? Math.abs(u) < 0.9 && Math.abs(v) < 0.9
            : Math.abs(u) < 1 && Math.abs(v) < 0.7 && Math.floor(6 * u + 12) % 2 === 0;
      if (!inside) continue;
      for (let c = 0; c < 3; c++) data[3 * (y * width + x) + c] = paint[c]! * (1 + shade * (u + v));
    }
}

/** Shapes whose radii fall off with the third power, as objects in photographs do [Lee, Mumford & Huang 2001]. */
function drawLeaves(canvas: Canvas, random: Random, count: number): void {
  const size = Math.min(canvas.width, canvas.height);
  const [least, most] = [Math.max(1.5, 0.02 * size), 0.5 * size];
  for (let i = 0; i < count; i++) {
    const t = random();
    const radius = 1 / Math.sqrt(t / least ** 2 + (1 - t) / most ** 2);
    drawShape(canvas, random, radius);
  }
}

const kinds: readonly ((canvas: Canvas, random: Random) => void)[] = [
  (canvas, random) => {
    addGradient(canvas, random);
    drawLeaves(canvas, random, 400);
    addNoise(canvas, random, 0.15);
  },
  (canvas, random) => {
    addGradient(canvas, random);
    addNoise(canvas, random, 1);
  },
  (canvas, random) => {
    addGradient(canvas, random);
    drawLeaves(canvas, random, 6 + 30 * random());
    addNoise(canvas, random, 0.05);
  },
];

/** One picture; the kinds take turns with the seed. */
export function syntheticPicture(width: number, height: number, seed: number): Picture {
  const canvas = blank(width, height);
  const random = randomSource(Math.imul(seed, 0x9e3779b1));
  kinds[seed % kinds.length]!(canvas, random);
  const exposure = 0.7 + 0.6 * random();
  const data = Uint8Array.from(canvas.data, (value) =>
    Math.round(255 * Math.min(1, Math.max(0, exposure * value))),
  );
  return { width, height, data };
}
