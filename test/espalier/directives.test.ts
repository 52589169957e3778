// The words of a query: what they mean, and how each mistake is answered.

import { EspalierError } from '@espalier/ir';
import t from 'tap';
import {
  directives,
  isForeign,
  normalise,
  ownQuery,
  parseDirectives,
} from '../../packages/espalier/src/directives.ts';

const failure = (query: string): EspalierError | undefined => {
  try {
    parseDirectives(query);
    return undefined;
  } catch (error) {
    if (error instanceof EspalierError) return error;
    throw error;
  }
};

t.test('gives every directive its value or its default', async (t) => {
  t.same(
    parseDirectives('shape=x:1x3x8x8,y:1x4&weights=f16'),
    {
      target: 'wasm',
      shape: [{ x: [1, 3, 8, 8], y: [1, 4] }],
      input: {},
      outputs: [],
      weights: 'f16',
      exact: false,
      threads: 1,
      precision: 'auto',
      calib: '',
      latency: undefined,
      speedup: undefined,
      bytes: undefined,
      memory: undefined,
      drop: 0.01,
      scheme: undefined,
      sparsity: undefined,
      strategy: 'knapsack',
      seed: 1,
      effort: 6,
    },
    'several inputs are separated by commas',
  );
  t.same(
    parseDirectives('input=sr:16000,gain:-0.5').input,
    { sr: 16000, gain: -0.5 },
    'numbers for inputs',
  );
  t.same(parseDirectives('outputs=b,a').outputs, ['b', 'a'], 'outputs keep their order');
  t.same(parseDirectives('').weights, 'f32', 'nothing given is the default');
  t.match(
    parseDirectives(
      'latency=12.5&bytes=300k&memory=1.5M&speedup=2&sparsity=0.7&scheme=kernelBlock&strategy=rule',
    ),
    {
      latency: 12.5,
      bytes: 300e3,
      memory: 1.5e6,
      speedup: 2,
      sparsity: 0.7,
      scheme: 'kernelBlock',
      strategy: 'rule',
    },
    'numbers, with units where they are bytes',
  );
});

t.test('takes options where the query says nothing', async (t) => {
  const options = [
    { target: 's20', drop: 0.02, exact: true },
    { drop: 0.5, weights: 'f16' },
  ];
  t.match(
    parseDirectives('target=laptop', ...options),
    { target: 'laptop', drop: 0.02, exact: true, weights: 'f16' },
    'the query first, then the first option that says something',
  );
  t.throws(() => parseDirectives('', { drop: -1 }), { code: 'BAD_DIRECTIVE' }, 'checked alike');
  t.throws(() => parseDirectives('', { dorp: 1 } as object), { code: 'UNKNOWN_DIRECTIVE' });
});

t.test('writes equal queries in one form', async (t) => {
  t.equal(
    normalise(parseDirectives('weights=f16&target=wasm&shape=y:1x4,x:1x3')),
    normalise(parseDirectives('shape=x:1x3,y:1x4&weights=f16')),
    'neither order nor defaults matter',
  );
});

t.test('refuses targets whose machinery comes later, by name', async (t) => {
  t.equal(failure('target=webgl')?.code, 'LATER_DIRECTIVE', 'targets are known, and come later');
});

t.test('takes a width that leaves something', async (t) => {
  t.equal(parseDirectives('width=0.75').width, 0.75, 'a part of the channels');
  for (const width of ['0', '1.5', '-1', 'half'])
    t.equal(failure(`width=${width}`)?.code, 'BAD_DIRECTIVE', `${width} is none`);
});

t.test('names the nearest directive or value', async (t) => {
  t.equal(failure('wieghts=f16')?.code, 'UNKNOWN_DIRECTIVE', 'a misspelt directive is an error');
  t.match(failure('wieghts=f16')?.hint, 'weights', 'and its nearest is named');
  t.equal(failure('weights=f15')?.code, 'BAD_DIRECTIVE', 'a misspelt value is an error');
  t.match(failure('weights=f15')?.hint, 'f16', 'and its nearest is named');
  for (const query of [
    'shape=x:1x0.5',
    'shape=1x3;',
    'shape=1x3;1x3',
    'shape=x:',
    'shape=1x-2',
    'input=16000',
    'input=sr:1,sr:2',
    'input=sr:fast',
    'outputs=a,a',
    'outputs=a,',
    'weights',
    'weights=f16&weights=f32',
    'latency=0',
    'latency=fast',
    'speedup=0.5',
    'bytes=3q',
    'memory=-1',
    'drop=-0.1',
    'sparsity=1',
    'scheme=kernelblocks',
    'strategy=rules',
    'seed=0.5',
    'effort=0',
  ])
    t.equal(failure(query)?.code, 'BAD_DIRECTIVE', `${query} is refused`);
});

t.test('leaves to bundlers what is theirs', async (t) => {
  for (const query of ['url', 'raw', 'inline', 'worker', 'worker&inline'])
    t.ok(isForeign(query), `?${query} is the bundler's`);
  t.notOk(isForeign('weights=f16'), 'directives are ours');
  t.equal(ownQuery('import&weights=f16&t=123'), 'weights=f16', 'what dev servers add is dropped');
});

t.test('describes every directive', async (t) => {
  for (const [name, { summary }] of Object.entries(directives))
    t.ok(summary.length > 10, `${name} has a summary`);
});
