import { randomSource } from '@espalier/ir';
import t from 'tap';
// The planner is not offered to other packages, so that it is reached by path.
import { placeBuffers } from '../../packages/compiler/src/plan/arena.ts';
import { lifetimes } from '../../packages/compiler/src/plan/lifetimes.ts';
import {
  broadcast,
  orderOf,
  reshapedView,
  sliced,
  transposed,
} from '../../packages/compiler/src/plan/strides.ts';
import {
  type Buffer,
  channelsLast,
  denseStrides,
  noHalo,
  type View,
} from '../../packages/compiler/src/plan/view.ts';

const buffer = (id: number, bytes: number, kind: Buffer['kind'] = 'activation'): Buffer => ({
  id,
  bytes,
  kind,
  label: `buffer ${id}`,
});

const at = (of: Buffer) => ({ buffer: of, byteOffset: 0 });

const view = (shape: readonly number[], strides: readonly number[], halo = noHalo): View => ({
  address: at(buffer(1, 4096)),
  dtype: 'f32',
  shape,
  strides,
  halo,
});

t.test('a buffer lives from its first step to its last', async (t) => {
  const [input, middle, weights, output] = [
    buffer(1, 4, 'input'),
    buffer(2, 4),
    buffer(3, 4, 'constant'),
    buffer(4, 4, 'output'),
  ];
  const steps = [
    { args: [at(input), at(weights), at(middle)] },
    { args: [at(middle)] },
    { args: [at(middle), at(output)] },
  ];
  const spans = lifetimes(steps, [input, output]).map((life) => [
    life.buffer.id,
    life.first,
    life.last,
  ]);
  t.same(
    spans,
    [
      [1, -1, 0],
      [4, 2, 3],
      [2, 0, 2],
    ],
    'inputs are there before the first step, outputs after the last, constants apart',
  );
});

t.test('buffers that live at the same time lie apart', async (t) => {
  for (let seed = 1; seed <= 50; seed++) {
    const next = randomSource(seed);
    const below = (n: number) => Math.floor(next() * n);
    const lives = Array.from({ length: 40 }, (_, id) => {
      const first = below(30);
      return { buffer: buffer(id, below(5000)), first, last: first + below(8) };
    });
    const { offsets, bytes } = placeBuffers(lives);
    const overlaps = lives.flatMap((a, i) =>
      lives.slice(i + 1).filter((b) => {
        const [from, to] = [offsets.get(a.buffer)!, offsets.get(b.buffer)!];
        const together = a.first <= b.last && b.first <= a.last;
        return together && from < to + b.buffer.bytes && to < from + a.buffer.bytes;
      }),
    );
    t.same(overlaps, [], `seed ${seed}: none overlap`);
    const inside = lives.every((life) => {
      const offset = offsets.get(life.buffer)!;
      return offset % 64 === 0 && offset >= 0 && offset + life.buffer.bytes <= bytes;
    });
    t.ok(inside, `seed ${seed}: aligned to cache lines, inside of the arena`);
    const most = Math.max(
      ...Array.from({ length: 40 }, (_, step) =>
        lives
          .filter(({ first, last }) => first <= step && step <= last)
          .reduce((sum, life) => sum + life.buffer.bytes, 0),
      ),
    );
    t.ok(bytes <= 1.5 * most + 64 * 40, `seed ${seed}: ${bytes} bytes where ${most} live at once`);
  }
});

t.test('buffers of a chain take turns', async (t) => {
  const lives = Array.from({ length: 20 }, (_, step) => ({
    buffer: buffer(step, 640),
    first: step,
    last: step + 1,
  }));
  t.equal(placeBuffers(lives).bytes, 1280, 'two places suffice');
});

t.test('views are taken apart without moving elements', async (t) => {
  const x = view([2, 3, 4, 5], [60, 20, 5, 1]);
  t.same(transposed(x, [0, 2, 3, 1]).strides, [60, 5, 1, 20], 'a transpose permutes strides');
  const part = sliced(x, [1, 2, 3, 0], [1, 2, 2, 3], [1, -1, -2, 2]);
  t.same(part.strides, [60, -20, -10, 2], 'a slice scales strides');
  t.equal(part.address.byteOffset, 4 * (60 + 40 + 15), 'and moves to its first element');
  const repeated = broadcast(view([3, 1], [1, 1]), [2, 3, 4]);
  t.same(repeated.strides, [0, 1, 0], 'repeated axes have stride 0');
});

t.test('a reshape is a view exactly where strides can say it', async (t) => {
  const rows = view([2, 3, 4, 5], [60, 20, 5, 1]);
  t.same(reshapedView(rows, [6, 20])?.strides, [20, 1], 'axes merge');
  t.same(reshapedView(rows, [2, 3, 2, 2, 5])?.strides, [60, 20, 10, 5, 1], 'axes split');
  const pixels = view([2, 3, 4, 5], denseStrides([2, 3, 4, 5], channelsLast(4)));
  t.same(reshapedView(pixels, [2, 3, 20])?.strides, [60, 1, 3], 'pixels merge beside channels');
  t.equal(reshapedView(pixels, [2, 60]), undefined, 'channels and pixels do not');
  t.same(reshapedView(view([1, 1], [7, 9]), [])?.strides, [], 'one element takes any shape');
  t.same(reshapedView(view([0, 3], [3, 1]), [3, 0])?.shape, [3, 0], 'none too');
});

t.test('margins are kept only where strides lead into them', async (t) => {
  const halo = [1, 1, 1, 1] as const;
  const padded = (shape: readonly number[]) =>
    view(shape, denseStrides(shape, channelsLast(4), halo), halo);
  const halves = [2, 2, 5, 6];
  t.same(reshapedView(padded([1, 4, 5, 6]), halves)?.halo, halo, 'rows and columns as before');
  t.same(reshapedView(padded([1, 4, 1, 6]), [2, 2, 1, 6])?.halo, noHalo, 'one row');
  t.same(reshapedView(padded([1, 4, 5, 1]), [2, 2, 5, 1])?.halo, noHalo, 'one column');
  const rows = sliced(padded([1, 4, 5, 6]), [0, 0, 1, 0], [1, 4, 3, 6], [1, 1, 1, 1]);
  t.same(rows.halo, noHalo, 'some of the rows');
  const channels = sliced(padded([1, 4, 5, 6]), [0, 1, 0, 0], [1, 2, 5, 6], [1, 1, 1, 1]);
  t.same(channels.halo, halo, 'some of the channels');
});

t.test('the order of a view is that of its memory', async (t) => {
  t.same(orderOf(view([2, 3, 4, 5], [60, 1, 15, 3])), [0, 2, 3, 1], 'channels last');
  t.same(orderOf(view([3, 5], [0, 1])), [0, 1], 'row-major where memory repeats');
  t.same(orderOf(view([3, 5], [5, -1])), [0, 1], 'row-major where it runs backwards');
});
