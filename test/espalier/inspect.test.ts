// `espalier inspect`: what becomes of each operator of a model, in words and as JSON.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { surveyOnnx } from '@espalier/importers';
import t from 'tap';
import { type OneNode, oneNode } from '../support/onnx-model.ts';
import { root } from '../support/sources.ts';

const survey = (model: OneNode) => surveyOnnx(oneNode(model), { file: 'm.onnx' });

t.test('every operator has a fate', async (t) => {
  const x = { shape: [2, 3] };
  const of = (op: string, opset: number, operands: OneNode['operands'] = [x]) => {
    const [use] = survey({ op, opset, operands }).operators;
    return [use?.fate, use?.becomes.join()];
  };
  t.same(of('Relu', 14), ['compiled', 'map'], 'one op');
  t.same(of('GlobalMaxPool', 14, [{ shape: [1, 2, 3, 4] }]), ['compiled', 'reduce'], 'one op');
  t.same(of('LayerNormalization', 17, [x, { floats: [1, 2, 3] }])[0], 'decomposed', 'several ops');
  t.same(of('Shape', 14), ['known', ''], 'what needs no code');
  t.same(of('Frobnicate', 14)[0], 'refused', 'no importer');
});

t.test('a refusal says why, where and what to do', async (t) => {
  const unknown = survey({ op: 'Frobnicate', opset: 17, operands: [{ shape: [2] }] });
  t.equal(unknown.graph, undefined, 'there is no graph');
  t.match(
    unknown.operators,
    [{ operator: 'Frobnicate', opset: 17, count: 1, why: /no importer/, nodes: ['y0'] }],
    'an operator without importer',
  );
  const dynamic = survey({
    op: 'Reshape',
    opset: 14,
    operands: [{ shape: [2, 3] }, { shape: [2], int: true }],
  });
  t.match(
    dynamic.operators,
    [{ operator: 'Reshape', fate: 'refused', why: /depends on an input/, hint: /fixed shapes/ }],
    'a use that shapes forbid',
  );
});

t.test(
  'the command prints tables, or JSON, and ends with 1 where something is refused',
  async (t) => {
    const cli = join(root, 'packages/espalier/src/cli/index.ts');
    const run = (model: OneNode, query: string, ...options: string[]) => {
      const file = join(t.testdir(), 'm.onnx');
      writeFileSync(file, oneNode(model));
      const args = ['--import=tsx', '--conditions=espalier-source', cli, 'inspect', file + query];
      return spawnSync(process.execPath, [...args, ...options], { encoding: 'utf8', cwd: root });
    };
    const relu = { op: 'Relu', opset: 14, operands: [{ shape: [2, 3] }] };
    const text = run(relu, '?shape=2x3');
    t.equal(text.status, 0, 'all is well');
    t.match(text.stdout, /Relu +14 +1 +compiled +map/, 'the operator');
    t.match(text.stdout, /input {3}x0: f32\[2,3\]/, 'the input');
    const json = run(relu, '', '--json');
    t.match(
      JSON.parse(json.stdout),
      { compiles: true, operators: [{ operator: 'Relu', fate: 'compiled' }], cost: { macs: 0 } },
      'as JSON',
    );
    const refused = run({ ...relu, op: 'Frobnicate' }, '', '--json');
    t.equal(refused.status, 1, 'a refusal ends with 1');
    t.match(JSON.parse(refused.stdout), { compiles: false }, 'and still prints');
  },
);
