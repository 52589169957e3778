import { compile } from '@espalier/compiler';
import { createBuilder, evaluate, type Graph, parse } from '@espalier/ir';
import t, { type Test } from 'tap';
import { worstError } from '../support/agrees.ts';
import { randomInputs } from '../support/ir.ts';
import { randomGraph } from '../support/random-graph.ts';
import { start, withKernel } from '../support/run-compiled.ts';

/** Asserts that every output of a graph, compiled, is what the interpreter gives, run after run. */
function runs(t: Test, graph: Graph, message: string): void {
  const running = start(graph);
  for (const seed of [1, 100]) {
    const inputs = randomInputs(graph, seed);
    const expected = evaluate(graph, inputs);
    const actual = running.run(inputs);
    for (const [name, tensor] of Object.entries(expected)) {
      t.same(actual[name]?.type, tensor.type, `${message}: type of ${name}`);
      const error = worstError(actual[name]!, tensor);
      t.ok(error <= 1e-5, `${message}, seed ${seed}: ${name} is off by ${error} of the largest`);
    }
  }
}

t.test('an output may be any value, any number of times', async (t) => {
  const cases = {
    'an input': 'x = input f32[2,3]\nreturn x, y: x',
    'a constant': 'x = input f32[2]\nc = constant f32[3] {1, 2, 3}\nreturn c, d: c',
    'one value twice': 'x = input f32[2]\ny = map(x) {expr: abs(a0)}\nreturn y, z: y',
    'a view of an input': 'x = input f32[2,3]\ny = transpose(x) {perm: [1, 0]}\nreturn y, x',
    'a view of a view that is an output too': `
      x = input f32[4,6]
      a = map(x) {expr: abs(a0)}
      b = slice(a) {sizes: [2, 6], starts: [1, 0], steps: [2, 1]}
      c = transpose(b) {perm: [1, 0]}
      d = reshape(c) {shape: [3, 4]}
      return a, b, c, d`,
    'a value that a later step reads': `
      x = input f32[2,3]
      a = map(x) {expr: a0 * 2}
      b = softmax(a) {axis: 0}
      return b, a`,
    'a value repeated': 'x = input f32[1,3]\ny = expand(x) {shape: [4, 2, 3]}\nreturn y',
    'of rank 0':
      'x = input f32[3]\ny = reduce(x) {axes: [0], keepDims: false, kind: sum}\nreturn y',
  };
  for (const [title, text] of Object.entries(cases)) runs(t, parse(text), title);
});

t.test('integers and truth values come and go as they are', async (t) => {
  runs(
    t,
    parse(`
      i = input i32[5]
      p = input bool[5]
      x = input f32[5]
      j = map(i, p) {expr: select(a1, a0 * a0, neg(a0))}
      q = map(i, p) {expr: and(lt(a0, neg(a0)), not(a1))}
      z = map(x, q) {expr: select(a1, a0, 0)}
      r = reshape(q) {shape: [1, 5]}
      return j, q, z, r, i, p
    `),
    'mixed types',
  );
});

t.test('values without elements need no code', async (t) => {
  const cases = {
    'an empty map': 'x = input f32[0,3]\ny = map(x) {expr: exp(a0)}\nreturn y',
    'an empty part': `
      x = input f32[4]
      y = slice(x) {sizes: [0], starts: [0], steps: [1]}
      z = concat(y, x) {axis: 0}
      return y, z`,
    'a sum over nothing': `
      x = input f32[2,0]
      y = reduce(x) {axes: [1], keepDims: false, kind: sum}
      return y`,
    'an empty constant':
      'x = input f32[2]\nc = constant f32[0] {}\ny = concat(x, c) {axis: 0}\nreturn y, c',
    'an empty reshape': 'x = input f32[0,6]\ny = reshape(x) {shape: [2, 0, 3]}\nreturn y',
  };
  for (const [title, text] of Object.entries(cases)) runs(t, parse(text), title);
});

t.test('margins of values stay zero where reshapes and slices come between', async (t) => {
  const list = (count: number) => Array.from({ length: count }, (_, i) => (i % 7) - 3).join(', ');
  const padded = '{dilation: [1, 1], groups: 1, pads: [1, 1, 1, 1], stride: [1, 1]}';
  for (const [h, w] of [
    [1, 5],
    [5, 1],
    [1, 1],
    [4, 3],
  ])
    runs(
      t,
      parse(`
        x = input f32[1,4,${h},${w}]
        i = constant f32[4,4,1,1] {${list(16)}}
        b = constant f32[4] {1, 2, 3, 4}
        p = conv(x, i, b) ${padded.replaceAll('pads: [1, 1, 1, 1]', 'pads: [0, 0, 0, 0]')}
        u = constant f32[4,4,3,3] {${list(144)}}
        y = conv(p, u, b) ${padded}
        v = constant f32[4,2,3,3] {${list(72)}}
        r = reshape(p) {shape: [2, 2, ${h}, ${w}]}
        z = conv(r, v, b) ${padded}
        s = slice(p) {sizes: [1, 2, ${h}, ${w}], starts: [0, 1, 0, 0], steps: [1, 1, 1, 1]}
        q = conv(s, v, b) ${padded}
        a = transpose(p) {perm: [0, 1, 3, 2]}
        c = conv(a, u, b) ${padded}
        return y, z, q, c
      `),
      `${h}×${w}`,
    );
});

t.test('the same graph gives the same bytes, whatever was compiled before', async (t) => {
  for (const weights of ['f32', 'f16', 'int8'] as const) {
    const first = compile(randomGraph(7, 30).graph, { weights });
    compile(randomGraph(8, 30).graph);
    const second = compile(randomGraph(7, 30).graph, { weights });
    t.same(second.program, first.program, `${weights}: the program`);
    t.same(second.modules, first.modules, `${weights}: the modules`);
    t.same(second.weights, first.weights, `${weights}: the weights`);
  }
});

t.test('layers of equal shape share one function, and equal weights one place', async (t) => {
  const build = (layers: number) => {
    const b = createBuilder();
    const x = b.input('x', { dtype: 'f32', shape: [1, 8, 6, 6] });
    const attrs = { stride: [1, 1], dilation: [1, 1], pads: [1, 1, 1, 1], groups: 1 } as const;
    const tensor = (shape: readonly number[], seed: number) => {
      const count = shape.reduce((n, d) => n * d, 1);
      const data = Float32Array.from({ length: count }, (_, i) => Math.sin(i + seed));
      return b.constant({ type: { dtype: 'f32', shape }, data });
    };
    let y = b.scalar('relu', x);
    for (let i = 0; i < layers; i++) y = b.conv(y, tensor([8, 8, 3, 3], 1), tensor([8], 2), attrs);
    const outputs = [{ name: 'y', node: y }];
    return compile({ inputs: [x], outputs }, withKernel('conv-direct'));
  };
  const [few, many] = [build(3), build(12)];
  t.equal(many.report.functions, few.report.functions, 'no more functions');
  t.equal(many.weights.length, few.weights.length, 'no more weights');
  t.ok(many.program.run.length > few.program.run.length, 'but more steps');
  t.ok(many.report.arenaBytes <= few.report.arenaBytes, 'in the same memory');
});

t.test('the report has a label for each step', async (t) => {
  const { report, program } = compile(randomGraph(3, 20).graph);
  t.equal(report.steps.length, program.run.length, 'as many as there are');
  t.ok(
    report.steps.every((label) => label.length > 0),
    'none empty',
  );
});
