// TF.js models in a build: recognised by content, weights tracked, layers added, refusals in full.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { surveyTfjs } from '@espalier/importers';
import { build as bundle } from 'esbuild';
import t, { type Test } from 'tap';
import { buildModel } from '../../packages/espalier/src/build.ts';
import { openCache } from '../../packages/espalier/src/cache.ts';
import { parseDirectives } from '../../packages/espalier/src/directives.ts';
import { espalier } from '../../packages/espalier/src/plugin.ts';
import { surveyModel } from '../../packages/espalier/src/read-model.ts';
import { floats, graphModel, inMemory, writeTfjs } from '../support/tfjs-model.ts';

/** `y = relu(x + c)`. */
const small = (c = 1) =>
  graphModel({
    inputs: { x: floats([1, 4], [0]) },
    constants: { c: floats([4], [c]) },
    nodes: [
      { name: 'sum', op: 'AddV2', input: ['x', 'c'] },
      { name: 'y', op: 'Relu', input: ['sum'] },
    ],
    outputs: ['y'],
  });

const twice = inMemory(
  {
    format: 'layers-model',
    modelTopology: {
      class_name: 'Sequential',
      config: [{ class_name: 'Twice', config: { name: 'twice', batch_input_shape: [null, 4] } }],
    },
    weightsManifest: [],
  },
  new Uint8Array(0),
);

t.test('weights beside the model are part of the build', async (t) => {
  const folder = t.testdir();
  const file = writeTfjs(folder, small());
  const cache = openCache(join(folder, 'cache'));
  const build = () => buildModel(file, parseDirectives(''), cache);
  const first = await build();
  t.same(first.externalFiles, [join(folder, 'weights.bin')], 'a dependency');
  t.notOk(first.fromCache, 'compiled');
  t.ok((await build()).fromCache, 'kept');
  writeTfjs(folder, small(2));
  t.notOk((await build()).fromCache, 'other weights are another model');
});

t.test('a layer of the configuration is imported like one of Keras', async (t) => {
  const file = writeTfjs(t.testdir(), twice);
  const refused = buildModel(file, parseDirectives(''), undefined);
  await t.rejects(refused, { code: 'UNSUPPORTED_OP', message: /Twice: twice/ }, 'unknown without');
  const built = await buildModel(file, parseDirectives(''), undefined, {
    customLayers: { Twice: ({ b, input }) => b.scalar('mul', input(0), b.value(2)) },
  });
  t.same(built.program.outputs[0]?.shape, [1, 4], 'known with it');
});

const main = `
import net from './net/model.json?target=wasm';
import { answer } from './data.json';
import plain from './net/model.json';
globalThis.found = [net.inputs.x.shape, plain.outputs.y.shape, answer];
`;

async function bundled(
  t: Test,
  source: string,
  add: (folder: string) => void = () => {},
): Promise<string> {
  const folder = t.testdir();
  add(folder);
  writeTfjs(join(folder, 'net'), small());
  writeFileSync(join(folder, 'data.json'), '{"answer": 42, "model": {"modelTopology": 1}}');
  writeFileSync(join(folder, 'main.js'), source);
  const { outputFiles } = await bundle({
    absWorkingDir: folder,
    entryPoints: ['main.js'],
    bundle: true,
    format: 'esm',
    outdir: 'out',
    write: false,
    logLevel: 'silent',
    plugins: [espalier.esbuild({ cache: join(folder, 'cache'), types: false })],
  });
  return outputFiles.find(({ path }) => path.endsWith('.js'))!.text;
}

t.test('a model.json is a model, and other JSON is data', async (t) => {
  const text = await bundled(t, main);
  t.match(text, /"?answer"?[:=] ?42|answer = 42/, 'data');
  t.match(text, /WebAssembly/, 'a model');
  t.notMatch(text, /weightsManifest/, 'its topology does not ship');
});

t.test('a script of data is a model where a directive says so', async (t) => {
  const model = small();
  const scripts = (folder: string) => {
    const text = new TextDecoder().decode(model.bytes());
    const weights = Buffer.from(model.external('weights.bin', 0)).toString('base64');
    writeFileSync(join(folder, 'model.min.js'), `module.exports=${text}`);
    writeFileSync(join(folder, 'weights.bin.min.js'), `module.exports="${weights}"`);
  };
  const text = await bundled(
    t,
    `import net from 'hidden/data/model.min.js?target=wasm'; globalThis.net = net.inputs.x;`,
    (folder) => {
      // A package that lists what can be imported, and its data is not in the list.
      const hidden = join(folder, 'node_modules/hidden');
      mkdirSync(join(hidden, 'data'), { recursive: true });
      writeFileSync(join(hidden, 'package.json'), '{"name":"hidden","exports":{".":"./index.js"}}');
      scripts(join(hidden, 'data'));
    },
  );
  t.match(text, /WebAssembly/, 'a model');
  t.notMatch(text, /weightsManifest/, 'its topology does not ship');
  const plain = await bundled(t, `import './model.min.js';`, scripts);
  t.match(plain, /weightsManifest/, 'a script, where no directive is');
});

t.test('a survey names every operator that is refused', async (t) => {
  const x = floats([1, 4], [0]);
  const model = graphModel({
    inputs: { x },
    nodes: [
      { name: 'a', op: 'Frobnicate', input: ['x'] },
      { name: 'b', op: 'Relu', input: ['a'] },
      { name: 'c', op: 'Defrobnicate', input: ['b'] },
      { name: 'd', op: 'Frobnicate', input: ['c'] },
    ],
    outputs: ['d'],
  });
  const { operators, graph } = surveyTfjs(model.bytes(), model);
  t.equal(graph, undefined, 'there is no graph');
  t.match(
    operators,
    [
      { operator: 'Defrobnicate', fate: 'refused', nodes: ['c'], hint: /export the model without/ },
      { operator: 'Frobnicate', fate: 'refused', count: 2, nodes: ['a', 'd'] },
      { operator: 'Relu', fate: 'waiting' },
    ],
    'all at once',
  );
  const layers = surveyTfjs(twice.bytes(), twice);
  t.match(
    layers.operators,
    [{ operator: 'Twice', fate: 'refused', hint: /customLayers/ }],
    'layers',
  );
});

t.test('a survey shows what operators become', async (t) => {
  const file = writeTfjs(t.testdir(), small());
  const { operators, graph } = surveyModel(small().bytes(), file, {
    shape: {},
    input: {},
    outputs: [],
  });
  t.ok(graph, 'there is a graph');
  t.match(
    operators,
    [
      { operator: 'AddV2', count: 1, fate: 'compiled', becomes: ['map'] },
      { operator: 'Relu', count: 1, fate: 'compiled', becomes: ['map'] },
    ],
    'operators of a graph model',
  );
});
