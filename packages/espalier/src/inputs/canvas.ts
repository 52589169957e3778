// What pictures are painted on, and the strokes that writing is made of.

/** A canvas of floats in [0, 1], `[height, width, 3]`. */
export interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** Numbers in [0, 1). */
export type Random = () => number;

/** A point, in pixels from the top left. */
export type Point = readonly [number, number];

/** Draws a straight stroke with round ends. */
export function drawStroke(
  { width, height, data }: Canvas,
  [x0, y0]: Point,
  [x1, y1]: Point,
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
