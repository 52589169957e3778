// Branches, loops, functions and lists of graph models are written out, and compute what TF.js computes.

import { importTfjs } from '@espalier/importers';
import { EspalierError, type Tensor } from '@espalier/ir';
import t, { type Test } from 'tap';
import { start } from '../support/run-compiled.ts';
import { graphModelOutputs } from '../support/tfjs.ts';
import {
  attr,
  floats,
  graphModel,
  scalar,
  type TfNode,
  tfFunction,
  whole,
} from '../support/tfjs-model.ts';

const { type, text, shape, func, flag } = attr;

interface Case {
  readonly inputs?: Readonly<Record<string, Tensor>>;
  readonly constants?: Readonly<Record<string, Tensor>>;
  readonly nodes: readonly TfNode[];
  readonly library?: readonly object[];
  readonly outputs: readonly string[];
}

const x = floats([3, 2], [1, -2, 3, 4, 0.5, -6]);
const truth = (value: boolean): Tensor => ({
  type: { dtype: 'bool', shape: [] },
  data: Uint8Array.of(Number(value)),
});

const modelOf = ({ inputs = { x }, constants = {}, ...rest }: Case) =>
  graphModel({ inputs, constants, ...rest });

const imported = (given: Case) => {
  const model = modelOf(given);
  return importTfjs(model.bytes(), { file: 'model.json', external: model.external });
};

/** The compiled model gives what TF.js gives. */
const agrees = (given: Case) => async (t: Test) => {
  const inputs = given.inputs ?? { x };
  const expected = await graphModelOutputs(modelOf(given), inputs, given.outputs);
  const found = start(imported(given)).run(inputs);
  given.outputs.forEach((name, i) => {
    const [want, got] = [expected[i]!, found[name]!];
    t.same(got.type.shape, want.type.shape, `${name} has its shape`);
    const off = Array.from(want.data, (value, k) => Math.abs(value - got.data[k]!));
    t.ok(Math.max(0, ...off) < 1e-5, `${name}: [${got.data}] is [${want.data}]`);
  });
};

const refused = (given: Case): EspalierError => {
  try {
    imported(given);
  } catch (error) {
    if (error instanceof EspalierError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
};

const doubled = tfFunction('doubled', ['v'], [{ name: 'sum', op: 'AddV2', input: ['v', 'v'] }], {
  out: 'sum:z:0',
});
const halved = tfFunction(
  'halved',
  ['v'],
  [
    { name: 'half', op: 'Const', attr: { dtype: type('DT_FLOAT') } },
    { name: 'product', op: 'Mul', input: ['v', 'half:output:0'] },
  ],
  { out: 'product:z:0' },
);

for (const op of ['If', 'StatelessIf']) {
  const branches = {
    nodes: [
      {
        name: 'y',
        op,
        input: ['c', 'x'],
        attr: { then_branch: func('doubled'), else_branch: func('halved') },
      },
    ],
    library: [doubled, halved],
    outputs: ['y'],
  };
  t.test(
    `${op} takes the branch that is known`,
    agrees({ ...branches, constants: { c: truth(false), half: floats([], [0.5]) } }),
  );
  for (const value of [true, false])
    t.test(
      `${op} chooses while the model runs: ${value}`,
      agrees({
        ...branches,
        inputs: { x, c: truth(value) },
        constants: { half: floats([], [0.5]) },
      }),
    );
}

const below3 = tfFunction(
  'below3',
  ['i', 'v'],
  [
    { name: 'three', op: 'Const', attr: { dtype: type('DT_INT32') } },
    { name: 'less', op: 'Less', input: ['i', 'three:output:0'] },
  ],
  { out: 'less:z:0' },
);
const step = tfFunction(
  'step',
  ['i', 'v'],
  [
    { name: 'one', op: 'Const', attr: { dtype: type('DT_INT32') } },
    { name: 'next', op: 'AddV2', input: ['i', 'one:output:0'] },
    { name: 'f', op: 'Cast', input: ['next:z:0'], attr: { DstT: type('DT_FLOAT') } },
    { name: 'grown', op: 'Mul', input: ['v', 'f:y:0'] },
  ],
  { i2: 'next:z:0', v2: 'grown:z:0' },
);
const counting: Case = {
  constants: { zero: scalar(0), one: scalar(1), three: scalar(3) },
  nodes: [
    {
      name: 'loop',
      op: 'StatelessWhile',
      input: ['zero', 'x'],
      attr: { cond: func('below3'), body: func('step') },
    },
    { name: 'y', op: 'Identity', input: ['loop:1'] },
    { name: 'rounds', op: 'Identity', input: ['loop'] },
  ],
  library: [below3, step],
  outputs: ['y', 'rounds'],
};
t.test('a While of known length becomes its rounds', agrees(counting));

t.test('a While whose length depends on an input is refused, with what to do', async (t) => {
  const error = refused({
    ...counting,
    inputs: { x, zero: scalar(0) },
    constants: { one: scalar(1), three: scalar(3) },
  });
  t.equal(error.code, 'NOT_CONSTANT', 'the length is not constant');
  t.equal(error.at?.node, 'loop', 'the loop is named');
  t.match(error.message, /\?input=/, 'it says how to make it constant');
});

t.test('a loop without end is refused', async (t) => {
  const still = tfFunction('step', ['i', 'v'], [], { i2: 'i', v2: 'v' });
  t.equal(refused({ ...counting, library: [below3, still] }).code, 'UNSUPPORTED_USE', 'refused');
});

t.test('functions that call themselves are refused', async (t) => {
  const own = tfFunction(
    'doubled',
    ['v'],
    [{ name: 'again', op: 'PartitionedCall', input: ['v'], attr: { f: func('doubled') } }],
    { out: 'again:output:0' },
  );
  const nodes = [{ name: 'y', op: 'PartitionedCall', input: ['x'], attr: { f: func('doubled') } }];
  t.equal(refused({ nodes, library: [own], outputs: ['y'] }).code, 'BAD_MODEL', 'refused');
});

t.test('unknown operators of graphs and functions are named at once', async (t) => {
  const odd = tfFunction('step', ['i', 'v'], [{ name: 'odd', op: 'Odd', input: ['v'] }], {
    i2: 'i',
    v2: 'odd:z:0',
  });
  const error = refused({
    ...counting,
    nodes: [...counting.nodes, { name: 'z', op: 'Strange', input: ['y'] }],
    library: [below3, odd],
    outputs: ['z'],
  });
  t.equal(error.code, 'UNSUPPORTED_OP', 'they are unknown');
  t.match(error.message, /Odd: step\/odd[\s\S]*Strange: z/, 'both are named, with their places');
});

/** A loop over rows, as TensorFlow's first version writes it: `y[i] = x[i] + i`. */
const framed: Case = {
  constants: { zero: scalar(0), one: scalar(1), three: scalar(3), range: whole(0, 1, 2) },
  nodes: [
    ...['in', 'out'].map((name) => ({
      name,
      op: 'TensorArrayV3',
      input: ['three'],
      attr: { dtype: type('DT_FLOAT'), element_shape: shape([2]), dynamic_size: flag(false) },
    })),
    { name: 'fill', op: 'TensorArrayScatterV3', input: ['in', 'range', 'x', 'in:1'] },
    ...(
      [
        ['enter_i', 'zero', false],
        ['enter_flow', 'out:1', false],
        ['enter_n', 'three', true],
        ['enter_in', 'in', true],
        ['enter_fill', 'fill', true],
        ['enter_out', 'out', true],
      ] as const
    ).map(([name, from, constant]) => ({
      name,
      op: 'Enter',
      input: [from],
      attr: { frame_name: text('loop'), is_constant: flag(constant) },
    })),
    { name: 'merge_i', op: 'Merge', input: ['enter_i', 'next_i'] },
    { name: 'merge_flow', op: 'Merge', input: ['enter_flow', 'next_flow'] },
    { name: 'less', op: 'Less', input: ['merge_i', 'enter_n'] },
    { name: 'cond', op: 'LoopCond', input: ['less'] },
    { name: 'switch_i', op: 'Switch', input: ['merge_i', 'cond'] },
    { name: 'switch_flow', op: 'Switch', input: ['merge_flow', 'cond'] },
    { name: 'body', op: 'Identity', input: ['switch_i:1'] },
    { name: 'plus', op: 'AddV2', input: ['body', 'one'] },
    { name: 'row', op: 'TensorArrayReadV3', input: ['enter_in', 'body', 'enter_fill'] },
    { name: 'f', op: 'Cast', input: ['body'], attr: { DstT: type('DT_FLOAT') } },
    { name: 'sum', op: 'AddV2', input: ['row', 'f'] },
    {
      name: 'write',
      op: 'TensorArrayWriteV3',
      input: ['enter_out', 'body', 'sum', 'switch_flow:1'],
    },
    { name: 'next_i', op: 'NextIteration', input: ['plus'] },
    { name: 'next_flow', op: 'NextIteration', input: ['write'] },
    { name: 'exit_flow', op: 'Exit', input: ['switch_flow'] },
    {
      name: 'y',
      op: 'TensorArrayGatherV3',
      input: ['out', 'range', 'exit_flow'],
      attr: { dtype: type('DT_FLOAT') },
    },
    { name: 'size', op: 'TensorArraySizeV3', input: ['out', 'exit_flow'] },
  ],
  outputs: ['y', 'size'],
};
t.test('a frame of nodes over a TensorArray becomes its rounds', agrees(framed));

/** Rows through a list, each squared. */
const listed = tfFunction(
  'step',
  ['i', 'from', 'to'],
  [
    { name: 'one', op: 'Const', attr: { dtype: type('DT_INT32') } },
    { name: 'two', op: 'Const', attr: { dtype: type('DT_INT32') } },
    { name: 'next', op: 'AddV2', input: ['i', 'one:output:0'] },
    {
      name: 'item',
      op: 'TensorListGetItem',
      input: ['from', 'i', 'two:output:0'],
      attr: { element_dtype: type('DT_FLOAT') },
    },
    { name: 'square', op: 'Square', input: ['item:item:0'] },
    {
      name: 'set',
      op: 'TensorListSetItem',
      input: ['to', 'i', 'square:y:0'],
      attr: { element_dtype: type('DT_FLOAT') },
    },
  ],
  { i2: 'next:z:0', same: 'from', to2: 'set:output_handle:0' },
);
const below = tfFunction(
  'below3',
  ['i', 'from', 'to'],
  [
    { name: 'three', op: 'Const', attr: { dtype: type('DT_INT32') } },
    { name: 'less', op: 'Less', input: ['i', 'three:output:0'] },
  ],
  { out: 'less:z:0' },
);
const float = { element_dtype: type('DT_FLOAT') };
// TF.js loses the lists that go into functions, and splits into rows only: here the arithmetic is the oracle.
t.test('a While over TensorLists becomes its rounds', async (t) => {
  const graph = imported({
    constants: { zero: scalar(0), one: scalar(1), two: whole(2), three: scalar(3) },
    nodes: [
      { name: 'from', op: 'TensorListFromTensor', input: ['x', 'two'], attr: float },
      { name: 'to', op: 'TensorListReserve', input: ['two', 'three'], attr: float },
      {
        name: 'loop',
        op: 'While',
        input: ['zero', 'from', 'to'],
        attr: { cond: func('below3'), body: func('step') },
      },
      { name: 'y', op: 'TensorListStack', input: ['loop:2', 'two'], attr: float },
      { name: 'length', op: 'TensorListLength', input: ['loop:2'] },
    ],
    library: [below, listed],
    outputs: ['y', 'length'],
  });
  const { y, length } = start(graph).run({ x });
  t.same(
    Array.from(y!.data),
    Array.from(x.data, (v) => v * v),
    'every row is squared',
  );
  t.same(Array.from(length!.data), [3], 'the list has its length');
});

t.test('lists are split and joined', async (t) => {
  const graph = imported({
    constants: { lengths: whole(1, 2), open: whole(-1, 2), one: scalar(1) },
    nodes: [
      { name: 'parts', op: 'TensorListSplit', input: ['x', 'open', 'lengths'], attr: float },
      { name: 'end', op: 'TensorListGetItem', input: ['parts', 'one', 'open'], attr: float },
      { name: 'joined', op: 'TensorListConcatV2', input: ['parts', 'open'], attr: float },
      { name: 'extents', op: 'Identity', input: ['joined:1'] },
    ],
    outputs: ['end', 'joined', 'extents'],
  });
  const { end, joined, extents } = start(graph).run({ x });
  t.same(Array.from(end!.data), Array.from(x.data).slice(2), 'a part has its rows');
  t.same(Array.from(joined!.data), Array.from(x.data), 'together they are the whole');
  t.same(Array.from(extents!.data), [1, 2], 'lengths are given beside it');
});

t.test(
  'lists are gathered and grown',
  agrees({
    constants: {
      two: whole(2),
      places: whole(2, 0),
      rows: whole(1, 0, 2),
      three: scalar(3),
      five: scalar(5),
      zero: scalar(0),
    },
    nodes: [
      {
        name: 'list',
        op: 'TensorListScatterV2',
        input: ['x', 'rows', 'two', 'three'],
        attr: float,
      },
      { name: 'some', op: 'TensorListGather', input: ['list', 'places', 'two'], attr: float },
      { name: 'none', op: 'EmptyTensorList', input: ['two', 'five'], attr: float },
      { name: 'row', op: 'TensorListGetItem', input: ['list', 'zero', 'two'], attr: float },
      { name: 'pushed', op: 'TensorListPushBack', input: ['none', 'row'], attr: float },
      { name: 'stack', op: 'TensorListStack', input: ['pushed', 'two'], attr: float },
    ],
    outputs: ['some', 'stack'],
  }),
);

/** Branches as TensorFlow's first version writes them; one gives a constant that only order ties to it. */
const switched = (constants: Case['constants'], inputs: Case['inputs']): Case => ({
  ...(inputs && { inputs }),
  constants: { ...constants, seven: floats([3, 2], [7]) },
  nodes: [
    { name: 'switch', op: 'Switch', input: ['x', 'c'] },
    { name: 'pivot', op: 'Identity', input: ['switch:1'] },
    { name: 'taken', op: 'Add', input: ['seven', 'seven', '^pivot'] },
    { name: 'other', op: 'Square', input: ['switch'] },
    { name: 'y', op: 'Merge', input: ['other', 'taken'] },
  ],
  outputs: ['y'],
});
for (const value of [true, false]) {
  t.test(`Switch and Merge take the branch that is known: ${value}`, async (t) => {
    const graph = imported(switched({ c: truth(value) }, undefined));
    const { y } = start(graph).run({ x });
    const want = Array.from(x.data, (v) => (value ? 14 : v * v));
    t.same(Array.from(y!.data), want, 'it is the branch');
  });
  t.test(`Switch and Merge choose while the model runs: ${value}`, async (t) => {
    const inputs = { x, c: truth(value) };
    const { y } = start(imported(switched({}, inputs))).run(inputs);
    const want = Array.from(x.data, (v) => (value ? 14 : v * v));
    t.same(Array.from(y!.data), want, 'it is the branch');
  });
}
