// Pictures with natural statistics, where the user has none: dead leaves, noise whose power falls with
// frequency, plain shapes on gradients, and writing.

import { randomSource } from '@espalier/ir';
import type { Canvas, Random } from './canvas.ts';
import type { Picture } from './picture.ts';
import { drawWriting } from './writing.ts';

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
function addNoise(canvas: Canvas, random: Random, strength: number): void {
  const longest = Math.max(canvas.width, canvas.height);
  for (let cell = longest; cell >= 2; cell /= 2)
    addOctave(canvas, random, cell, (strength * cell) / longest);
}

/** Adds random values on a grid, with straight lines between them. */
function addOctave(
  { width, height, data }: Canvas,
  random: Random,
  cell: number,
  amplitude: number,
): void {
  const [columns, rows] = [Math.ceil(width / cell) + 2, Math.ceil(height / cell) + 2];
  const grid = new Float32Array(3 * columns * rows);
  for (let i = 0; i < grid.length; i += 3) {
    // Channels move together, mostly.
    const grey = random() - 0.5;
    for (let c = 0; c < 3; c++) grid[i + c] = amplitude * (grey + 0.4 * (random() - 0.5));
  }
  const line = new Float32Array(3 * columns);
  for (let y = 0; y < height; y++) {
    const top = Math.floor(y / cell);
    const down = y / cell - top;
    for (let i = 0; i < line.length; i++) {
      const upper = grid[top * line.length + i]!;
      line[i] = upper + (grid[(top + 1) * line.length + i]! - upper) * down;
    }
    for (let x = 0; x < width; x++) {
      const left = Math.floor(x / cell);
      const right = x / cell - left;
      for (let c = 0; c < 3; c++) {
        const at = line[3 * left + c]!;
        data[3 * (y * width + x) + c]! += at + (line[3 * left + 3 + c]! - at) * right;
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

/** Grey levels, the mean of a colour's channels. */
const greyOf = (paint: ArrayLike<number>): number => (paint[0]! + paint[1]! + paint[2]!) / 3;

/** A colour that can be read on another: lighter on dark, darker on light. */
function inkOn(random: Random, ground: number): number[] {
  const target =
    ground > 0.5 ? ground * 0.6 * random() ** 2 : 1 - (1 - ground) * 0.6 * random() ** 2;
  const own = colour(random);
  const grey = greyOf(own);
  return own.map((value) => Math.min(1, Math.max(0, target + 0.6 * (value - grey))));
}

/** The mean grey of a canvas. */
const meanGrey = ({ data }: Canvas): number =>
  data.reduce((sum, value) => sum + Math.min(1, Math.max(0, value)), 0) / data.length;

/** An odd number of them: every second picture judges, and should be of every kind. */
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
  (canvas, random) => {
    addGradient(canvas, random);
    addNoise(canvas, random, 0.1);
    drawWriting(canvas, random, 40, inkOn(random, meanGrey(canvas)));
  },
  (canvas, random) => {
    addGradient(canvas, random);
    drawLeaves(canvas, random, 20);
    drawWriting(canvas, random, 12, inkOn(random, meanGrey(canvas)));
    addNoise(canvas, random, 0.05);
  },
];

/** One picture; the kinds take turns with the seed. */
export function syntheticPicture(width: number, height: number, seed: number): Picture {
  const canvas = blank(width, height);
  const random = randomSource(Math.imul(seed, 0x9e3779b1));
  kinds[seed % kinds.length]!(canvas, random);
  const exposure = 0.7 + 0.6 * random();
  const data = new Uint8Array(canvas.data.length);
  for (let i = 0; i < data.length; i++)
    data[i] = Math.round(255 * Math.min(1, Math.max(0, exposure * canvas.data[i]!)));
  return { width, height, data };
}
