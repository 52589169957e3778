// The operators and layers of TF.js models that can be imported, out of their importers.

import { importedLayers, importedTfjsOps } from '@espalier/importers';

/** Names side by side, as lines of prose. */
const listed = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(' ');

/** The text of docs/tfjs.md. */
export function tfjsPage(): string {
  return [
    '# TF.js models',
    '',
    '```js',
    "import net from './model.json?target=s20';",
    'const { Identity } = await net.run({ input: pixels });',
    '```',
    '',
    'A `.json` file is a model if it has a `modelTopology`; other JSON stays data. The weights lie beside it, under the names in',
    '`weightsManifest`, and a change to them builds the model anew. Weights quantised to uint8, uint16 and float16 get their size',
    'back at import; `weights=` decides anew how they ship. `espalier inspect model.json` shows what becomes of each operator or',
    'layer. This page is written from the importers by `npm run docs`.',
    '',
    'Some packages ship the same data as scripts, `model.min.js` and shards in base64: with a directive,',
    "`import net from 'nsfwjs/dist/models/mobilenet_v2/model.min.js?target=s20'`, such a script is read as a model, and never run. A path",
    'into a package is found whether or not the package exports it.',
    '',
    'Ports have the layout of the model, which is mostly NHWC. In graph models they have the names of nodes, as `model.inputs` and',
    '`model.outputs` in TF.js; in layers models those of layers, as `model.inputNames` and `model.outputNames`. An open batch is 1;',
    'other open sizes are closed by `?shape=`. Shapes are static: what decides them has to be known at import. Types: float32,',
    'int32 and bool; int64 is int32, as in TF.js. Loops, functions, TensorLists and TensorArrays are written out, so that how often a',
    'loop runs has to be known too; `?input=` makes an input known. Where an input decides between branches, both are computed.',
    'Operators whose number of results depends on an input, such as Where and NonMaxSuppression without padding, are refused:',
    'detectors that end in them are compiled up to there with `?outputs=`, which names nodes that become outputs.',
    '',
    '## Operators of graph models',
    '',
    listed(importedTfjsOps()),
    '',
    '## Layers of layers models',
    '',
    'Sequential and functional models, models in models, layers that are called several times.',
    '',
    listed(importedLayers()),
    '',
    '## Layers of your own',
    '',
    'The pixel shuffles and `MultiplyBeta` of UpscalerJS come along. Other custom layers are functions in the options of the plugin:',
    '',
    '```js',
    'espalier({',
    '  customLayers: {',
    "    Scale: ({ b, input, config }) => b.scalar('mul', input(0), b.value(config.factor)),",
    '  },',
    '});',
    '```',
    '',
    '`input(i)` is an operand, `weight(name)` a tensor of the layer, `config` its configuration, and `b` makes nodes: its ops are those',
    'of [ops.md](ops.md), over NCHW where an op is about images.',
    '',
  ].join('\n');
}
