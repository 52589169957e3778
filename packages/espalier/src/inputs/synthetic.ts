// Pictures with natural statistics, where the user has none: dead leaves, noise whose power falls with
// frequency, plain shapes on gradients, and writing.

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

/** Draws a straight stroke with round ends. */
function drawStroke(
  { width, height, data }: Canvas,
  [x0, y0, x1, y1]: readonly [number, number, number, number],
  radius: number,
  paint: readonly number[],
): void {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const squared = dx * dx + dy * dy || 1;
  const [top, bottom] = [Math.min(y0, y1) - radius, Math.max(y0, y1) + radius];
  const [left, right] = [Math.min(x0, x1) - radius, Math.max(x0, x1) + radius];
  for (let y = Math.max(0, Math.floor(top)); y < Math.min(height, bottom + 1); y++)
    for (let x = Math.max(0, Math.floor(left)); x < Math.min(width, right + 1); x++) {
      const t = Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / squared));
      const distance = Math.hypot(x - x0 - t * dx, y - y0 - t * dy);
      // Edges are as soft as a lens makes them.
      const cover = Math.min(1, Math.max(0, radius + 0.5 - distance));
      if (cover === 0) continue;
      const at = 3 * (y * width + x);
      for (let c = 0; c < 3; c++) data[at + c]! += cover * (paint[c]! - data[at + c]!);
    }
}

/** Draws lines of writing: words of letters of few strokes each, which end where strokes of letters do. */
function drawWriting(canvas: Canvas, random: Random, lines: number, ink: readonly number[]): void {
  const size = Math.min(canvas.width, canvas.height);
  let top = 0.02 * size;
  for (let i = 0; i < lines && top < canvas.height; i++) {
    const height = Math.max(7, size * (0.025 + 0.05 * random() ** 2));
    const radius = height * (0.05 + 0.05 * random());
    const end = canvas.width * (0.4 + 0.6 * random());
    let left = canvas.width * 0.3 * random();
    while (left < end) {
      for (let letters = 2 + Math.floor(8 * random()); letters > 0 && left < end; letters--) {
        const width = height * (0.4 + 0.3 * random());
        for (let strokes = 2 + Math.floor(2.5 * random()); strokes > 0; strokes--) {
          const x = () => left + (width * Math.floor(3 * random())) / 2;
          const y = () => top + (height * Math.floor(3 * random())) / 2;
          drawStroke(canvas, [x(), y(), x(), y()], radius, ink);
        }
        left += width + height * 0.25;
      }
      left += 0.5 * height;
    }
    top += height * (1.5 + 1.5 * random());
  }
}

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
    canvas.data.fill(0.75 + 0.2 * random());
    addNoise(canvas, random, 0.05);
    drawWriting(
      canvas,
      random,
      40,
      colour(random).map((value) => 0.4 * value),
    );
  },
  (canvas, random) => {
    addGradient(canvas, random);
    drawLeaves(canvas, random, 20);
    drawWriting(
      canvas,
      random,
      12,
      colour(random).map((value) => (value > 0.5 ? 1 : 0)),
    );
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
