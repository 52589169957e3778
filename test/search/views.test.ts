// Ways to look at studied choices.

import t from 'tap';
import type { StudiedChoice } from '../../packages/search/src/study.ts';
import { asStudied, seenBy, viewsOf } from '../../packages/search/src/views.ts';

const choice = (scheme: StudiedChoice['scheme'], ms: number, harm: number): StudiedChoice => ({
  scheme,
  params: {},
  sparsity: scheme === 'none' ? 0 : 0.5,
  mask: new Uint8Array(1),
  bytes: 1,
  memoryBytes: 1,
  ms,
  harm,
});

const layer = [choice('none', 2, 0), choice('kernelBlock', 1, 4), choice('unstructured', 1.5, 8)];

t.test('the plain view is first; each scheme has one where there are several', async (t) => {
  const names = viewsOf(layer).map(({ name }) => name);
  t.same(names, ['as studied', 'early layers first', 'only kernelBlock', 'only unstructured']);
  t.equal(viewsOf(layer.slice(0, 2)).length, 2, 'one scheme needs no view of its own');
  t.same(
    seenBy(asStudied, [layer])[0]!.map(({ choice }) => choice),
    layer,
    'all choices, untouched',
  );
});

t.test('early layers count less, schemes alone leave the others out', async (t) => {
  const [, early, blocks] = viewsOf(layer);
  const harms = seenBy(early!, [layer, layer, layer]).map((seen) => seen[1]!.harm);
  t.same(harms, [1, 2, 4], 'from a quarter to the whole');
  const [seen] = seenBy(blocks!, [layer]);
  t.same(
    seen!.map(({ choice }) => choice),
    layer.slice(0, 2),
  );
  const pinned = layer.slice(2);
  t.equal(seenBy(blocks!, [pinned])[0]!.length, 1, 'a layer without them keeps what it has');
});
