// Regions of an image at one size: samples inside of each bin, interpolated, then averaged or compared.

import { arg, call, elementCount, literal, type Node, parseScalar } from '@espalier/ir';
import type { Importers, Site } from '../importer.ts';
import { sliceAxis } from './select.ts';

/** The samples of all bins along one axis, `[regions, bins · samples]`: two taps each. */
interface Samples {
  readonly low: Node;
  readonly high: Node;
  readonly lowWeight: Node;
  readonly highWeight: Node;
}

/** Places of the samples along an axis, from the start and the extent of each region `[R, 1]`. */
function samplesOf(
  { b }: Site,
  start: Node,
  extent: Node,
  bins: number,
  perBin: number,
  size: number,
): Samples {
  const data = Float32Array.from(
    { length: bins * perBin },
    (_, i) => (Math.floor(i / perBin) + ((i % perBin) + 0.5) / perBin) / bins,
  );
  const parts = b.constant({ type: { dtype: 'f32', shape: [1, bins * perBin] }, data });
  const at = b.map([start, extent, parts], { expr: parseScalar('a0 + a1 * a2') });
  const outside = `or(lt(a0, -1), gt(a0, ${size}))`;
  const near = b.map([at], { expr: parseScalar(`min(max(a0, 0), ${size - 1})`) });
  const first = b.scalar('floor', near);
  const fraction = b.scalar('sub', near, first);
  const expr = (weight: string) => parseScalar(`select(${outside}, 0, ${weight})`);
  return {
    low: b.scalar('toI32', first),
    high: b.map([first], { expr: parseScalar(`toI32(min(a0 + 1, ${size - 1}))`) }),
    lowWeight: b.map([at, fraction], { expr: expr('1 - a1') }),
    highWeight: b.map([at, fraction], { expr: expr('a1') }),
  };
}

/** x `[N, C, H, W]` and regions `[R, 4]` as `[x1, y1, x2, y2]`, to `[R, C, h, w]`. */
function roiAlign(site: Site): Node {
  const { b, attributes } = site;
  const [x, regions, images] = [site.input(0), site.input(1), site.input(2)];
  const [n, c, height, width] = x.type.shape as [number, number, number, number];
  const count = regions.type.shape[0] ?? 0;
  if (x.type.shape.length !== 4 || regions.type.shape[1] !== 4 || height * width === 0)
    throw site.bad(`regions [${regions.type.shape}] of [${x.type.shape}]`);
  const [rows, columns] = ['output_height', 'output_width'].map((name) => attributes.int(name, 1));
  const perBin = attributes.int('sampling_ratio', 0);
  if (perBin < 1)
    throw site.unsupported('sampling_ratio 0, which makes the work depend on each region');
  const mode = attributes.string('mode', 'avg');
  if (mode !== 'avg' && mode !== 'max') throw site.bad(`mode ${mode}`);
  const way = attributes.string(
    'coordinate_transformation_mode',
    site.opset < 16 ? 'output_half_pixel' : 'half_pixel',
  );
  const aligned = way === 'half_pixel';
  const scale = literal(attributes.float('spatial_scale', 1));
  const corner = (axis: number) =>
    b.map([sliceAxis(site, regions, 1, axis, 1)], {
      expr: call('sub', call('mul', arg(0), scale), literal(aligned ? 0.5 : 0)),
    });
  const samples = ([first, last]: readonly [number, number], bins: number, size: number) => {
    const [start, end] = [corner(first), corner(last)];
    // Regions are at least a pixel large, where pixels are not counted from their centres.
    const extent = call('sub', arg(1), arg(0));
    const expr = aligned ? extent : call('max', extent, literal(1));
    return samplesOf(site, start, b.map([start, end], { expr }), bins, perBin, size);
  };
  const across = samples([0, 2], columns!, width);
  const down = samples([1, 3], rows!, height);
  const planes = b.transpose(b.reshape(x, { shape: [n, c, height * width] }), { perm: [0, 2, 1] });
  const table = b.reshape(planes, { shape: [n * height * width, c] });
  const image = b.reshape(images, { shape: [count, 1, 1] });
  const [h, w] = [rows! * perBin, columns! * perBin];
  const tap = (row: Node, rowWeight: Node, column: Node, columnWeight: Node): Node => {
    const place = b.map(
      [
        image,
        b.reshape(row, { shape: [count, h, 1] }),
        b.reshape(column, { shape: [count, 1, w] }),
      ],
      { expr: parseScalar(`a0 * ${height * width}i + a1 * ${width}i + a2`) },
    );
    return b.map(
      [
        b.gather(table, place, { axis: 0 }),
        b.reshape(rowWeight, { shape: [count, h, 1, 1] }),
        b.reshape(columnWeight, { shape: [count, 1, w, 1] }),
      ],
      { expr: parseScalar('a0 * a1 * a2') },
    );
  };
  const taps = [
    tap(down.low, down.lowWeight, across.low, across.lowWeight),
    tap(down.low, down.lowWeight, across.high, across.highWeight),
    tap(down.high, down.highWeight, across.low, across.lowWeight),
    tap(down.high, down.highWeight, across.high, across.highWeight),
  ];
  // The greatest is taken over the weighed taps, as ONNX Runtime does.
  const joined = taps.reduce((a, next) => b.scalar(mode === 'avg' ? 'add' : 'max', a, next));
  const bins = b.reshape(joined, { shape: [count, rows!, perBin, columns!, perBin, c] });
  const axes = [2, 4];
  const pooled =
    mode === 'avg'
      ? b.mean(bins, { axes, keepDims: false })
      : b.reduce(bins, { kind: 'max', axes, keepDims: false });
  site.claim(elementCount(taps[0]!.type.shape), 'the samples');
  return b.transpose(pooled, { perm: [0, 3, 1, 2] });
}

/** Regions of images, by ONNX name. */
export const regions: Importers = {
  RoiAlign: { note: '`sampling_ratio` at least 1', import: roiAlign },
};
