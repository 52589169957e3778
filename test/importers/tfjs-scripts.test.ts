// Models whose files are scripts, or one file: the data is read, nothing is run.

import { importTfjs, isTfjs } from '@espalier/importers';
import { evaluate } from '@espalier/ir';
import t from 'tap';
import { exportedValue } from '../../packages/importers/src/tfjs/script.ts';
import { floats, graphModel, type manifestOf } from '../support/tfjs-model.ts';

const x = floats([1, 2], [1, -2]);
const c = floats([2], [3, 0.5]);
const model = graphModel({
  inputs: { x },
  constants: { c },
  nodes: [{ name: 'y', op: 'Mul', input: ['x', 'c'] }],
  outputs: ['y'],
});
const json = new TextDecoder().decode(model.bytes());
const base64 = Buffer.from(model.external('weights.bin', 0)).toString('base64');

/** As browserify and minifiers write it. */
const bundled = (value: string) =>
  `!function(e){"object"==typeof exports&&(module.exports=e())}(function(){return function e(a,n)` +
  `{var t=1;return a}({1:[function(e,a,n){a.exports=${value}},{}]},{},[1])(1)});`;
const literal = json.replace(/"([A-Za-z_]+)":/g, '$1:');

const outputOf = (script: string, files: Readonly<Record<string, string>>, file: string) => {
  const graph = importTfjs(Buffer.from(script), {
    file,
    external: (location) => {
      const found = files[location];
      if (found === undefined) throw new Error(`${location} is not there`);
      return Buffer.from(found);
    },
  });
  return Array.from(evaluate(graph, { x }).y!.data);
};

t.test('scripts of data are models, whichever way they export it', async (t) => {
  const shards = { 'weights.bin.min.js': bundled(`"${base64}"`) };
  const ways = {
    'a bundle': bundled(literal),
    'a module of CommonJS': `"use strict";\nmodule.exports = ${json};`,
    'a module': `export default ${literal}`,
    'text in a script': `export default JSON.parse('${json}')`,
  };
  for (const [way, script] of Object.entries(ways)) {
    t.ok(isTfjs(Buffer.from(script)), `${way} is recognised`);
    t.same(outputOf(script, shards, 'model.min.js'), [3, -1], `${way} is read`);
  }
  const module = { 'weights.bin.js': `export default '${base64}'` };
  t.same(outputOf(ways['a module'], module, 'model.v2.js'), [3, -1], 'endings are found');
});

t.test('weights may lie beside the topology, as text', async (t) => {
  const { weightsManifest, ...rest } = JSON.parse(json) as ReturnType<typeof manifestOf>;
  const whole = { ...rest, weightSpecs: weightsManifest[0]!.weights, weightData: base64 };
  t.same(outputOf(JSON.stringify(whole), {}, 'model.json'), [3, -1], 'one file is a model');
});

t.test('literals are read as scripts mean them', async (t) => {
  const value = (text: string) => exportedValue(`module.exports=${text};f()`);
  t.same(
    value(`{a:[1,-.5,2e3,],'b-c':!0,d:!1,$e:null,f:void 0,7:"\\u0041\\x42\\n\\'",g:\`q\`}`),
    { a: [1, -0.5, 2000], 'b-c': true, d: false, $e: null, f: null, 7: "AB\n'", g: 'q' },
    'numbers, words, text and keys',
  );
  for (const text of [
    '{a:f()}',
    '[1',
    '"abc',
    '{a 1}',
    `\`\${a}\``,
    '[[[',
    '"\\u{110000}"',
    '{'.repeat(9999),
  ])
    t.equal(value(text), undefined, `${text.slice(0, 20)} is no data`);
  t.equal(exportedValue('exports={a:f()};exports={a:1}') !== undefined, true, 'the next is tried');
});

t.test('other scripts are no models', async (t) => {
  for (const script of ['var modelTopology={}', 'export default {modelTopology: f()}', '#!/bin/sh'])
    t.notOk(isTfjs(Buffer.from(script)), `${script} is none`);
  t.throws(
    () => outputOf(bundled(literal), { 'weights.bin.min.js': 'module.exports={}' }, 'model.min.js'),
    { code: 'BAD_EXTERNAL_DATA' },
    'scripts without text hold no weights',
  );
});
