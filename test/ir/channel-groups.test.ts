import { type ChannelGroup, channelGroups, parse } from '@espalier/ir';
import t from 'tap';

const conv = (pads = 1, groups = 1) =>
  `{dilation: [1, 1], groups: ${groups}, pads: [${pads}, ${pads}, ${pads}, ${pads}], stride: [1, 1]}`;

const groupsOf = (text: string): ChannelGroup[] => channelGroups(parse(text));

/** `4 units: w1 axis 0, b1 axis 0`: the constants of the groups that can change, in order. */
const free = (groups: readonly ChannelGroup[]): string[] =>
  groups
    .filter(({ frozen }) => frozen === undefined)
    .map(({ units, axes }) => {
      const constants = axes.filter(({ node }) => node.kind === 'constant');
      return `${units}: ${constants.map(({ node, axis }) => `${node.name}.${axis}`).join(' ')}`;
    });

/** The indices of unit `unit` along an axis of a node. */
const indices = (group: ChannelGroup | undefined, name: string, axis: number, unit: number) =>
  group?.axes.find((found) => found.node.name === name && found.axis === axis)?.indices[unit];

t.test('ties what a conv makes to what the next one reads', async (t) => {
  const groups = groupsOf(`
    x = input f32[1,3,8,8]
    w1 = constant f32[4,3,3,3]
    b1 = constant f32[4]
    y = conv(x, w1, b1) ${conv()}
    r = map(y) {expr: relu(a0)}
    w2 = constant f32[5,4,3,3]
    b2 = constant f32[5]
    z = conv(r, w2, b2) ${conv()}
    return z
  `);
  t.same(free(groups), ['4: w1.0 b1.0 w2.1'], 'the inner channels are free');
  const reasons = groups.map(({ frozen }) => frozen).filter((reason) => reason !== undefined);
  t.same(reasons.sort(), ['reaches input x', 'reaches output z'], 'the outer ones are not');
  const inner = groups.find(({ frozen }) => frozen === undefined);
  t.same(indices(inner, 'y', 1, 2), [2], 'values of the graph are narrowed too');
});

t.test('ties the channels of all branches that a residual adds', async (t) => {
  const groups = groupsOf(`
    x = input f32[1,3,8,8]
    w0 = constant f32[4,3,3,3]
    b0 = constant f32[4]
    a = conv(x, w0, b0) ${conv()}
    w1 = constant f32[6,4,3,3]
    b1 = constant f32[6]
    c = conv(a, w1, b1) ${conv()}
    w2 = constant f32[4,6,3,3]
    b2 = constant f32[4]
    d = conv(c, w2, b2) ${conv()}
    s = map(a, d) {expr: a0 + a1}
    w3 = constant f32[2,4,3,3]
    b3 = constant f32[2]
    y = conv(s, w3, b3) ${conv()}
    return y
  `);
  t.same(free(groups), ['4: w0.0 b0.0 w1.1 w2.0 b2.0 w3.1', '6: w1.0 b1.0 w2.1'], 'two groups');
});

t.test('ties through the operands of epilogues', async (t) => {
  const groups = groupsOf(`
    x = input f32[1,3,8,8]
    w0 = constant f32[4,3,3,3]
    b0 = constant f32[4]
    a = conv(x, w0, b0) ${conv()}
    w1 = constant f32[4,4,3,3]
    b1 = constant f32[4]
    s = conv(a, w1, b1; a) ${conv()} then relu(a0 + a1)
    w2 = constant f32[2,4,3,3]
    b2 = constant f32[2]
    y = conv(s, w2, b2) ${conv()}
    return y
  `);
  t.same(free(groups), ['4: w0.0 b0.0 w1.0 w1.1 b1.0 w2.1'], 'one group, w1 on both axes');
});

t.test('keeps the parts of a concat apart, with their places', async (t) => {
  const groups = groupsOf(`
    x = input f32[1,3,8,8]
    w1 = constant f32[2,3,3,3]
    b1 = constant f32[2]
    y1 = conv(x, w1, b1) ${conv()}
    w2 = constant f32[3,3,3,3]
    b2 = constant f32[3]
    y2 = conv(x, w2, b2) ${conv()}
    c = concat(y1, y2) {axis: 1}
    w3 = constant f32[4,5,1,1]
    b3 = constant f32[4]
    z = conv(c, w3, b3) ${conv(0)}
    return z
  `);
  t.same(free(groups), ['2: w1.0 b1.0 w3.1', '3: w2.0 b2.0 w3.1'], 'a group a part');
  const second = groups.find(({ units, frozen }) => units === 3 && frozen === undefined);
  t.same(indices(second, 'w3', 1, 0), [2], 'the second part begins behind the first');
});

t.test('passes through depthwise convs, whose weights go along', async (t) => {
  const groups = groupsOf(`
    x = input f32[1,3,8,8]
    w1 = constant f32[4,3,1,1]
    b1 = constant f32[4]
    y1 = conv(x, w1, b1) ${conv(0)}
    w2 = constant f32[4,1,3,3]
    b2 = constant f32[4]
    y2 = conv(y1, w2, b2) ${conv(1, 4)}
    w3 = constant f32[2,4,1,1]
    b3 = constant f32[2]
    y3 = conv(y2, w3, b3) ${conv(0)}
    return y3
  `);
  t.same(free(groups), ['4: w1.0 b1.0 w2.0 b2.0 w3.1'], 'one group');
});

t.test('narrows what a grouped conv reads by the same channel of every group', async (t) => {
  const groups = groupsOf(`
    x = input f32[1,3,8,8]
    w1 = constant f32[4,3,1,1]
    b1 = constant f32[4]
    y1 = conv(x, w1, b1) ${conv(0)}
    w2 = constant f32[6,2,3,3]
    b2 = constant f32[6]
    y2 = conv(y1, w2, b2) ${conv(1, 2)}
    return y2
  `);
  t.same(free(groups), ['2: w1.0 b1.0 w2.1'], 'two units');
  const group = groups.find(({ frozen }) => frozen === undefined);
  t.same(indices(group, 'w1', 0, 1), [1, 3], 'the second of both groups');
  t.same(indices(group, 'w2', 1, 1), [1], 'which share one column of the weights');
});

t.test('follows channels through a flatten into the blocks that a linear reads', async (t) => {
  const groups = groupsOf(`
    x = input f32[1,3,2,2]
    w1 = constant f32[4,3,1,1]
    b1 = constant f32[4]
    y1 = conv(x, w1, b1) ${conv(0)}
    f = reshape(y1) {shape: [1, 16]}
    w2 = constant f32[5,16]
    b2 = constant f32[5]
    y2 = linear(f, w2, b2)
    return y2
  `);
  t.same(free(groups), ['4: w1.0 b1.0 w2.1'], 'one group');
  const group = groups.find(({ frozen }) => frozen === undefined);
  t.same(indices(group, 'w2', 1, 1), [4, 5, 6, 7], 'a channel is four columns');
});

t.test('follows channels through a flatten where they lie innermost', async (t) => {
  const groups = groupsOf(`
    x = input f32[1,3,2,2]
    w1 = constant f32[4,3,1,1]
    b1 = constant f32[4]
    y1 = conv(x, w1, b1) ${conv(0)}
    l = transpose(y1) {perm: [0, 2, 3, 1]}
    f = reshape(l) {shape: [1, 16]}
    w2 = constant f32[5,16]
    b2 = constant f32[5]
    y2 = linear(f, w2, b2)
    return y2
  `);
  t.same(free(groups), ['4: w1.0 b1.0 w2.1'], 'one group');
  const group = groups.find(({ frozen }) => frozen === undefined);
  t.same(indices(group, 'w2', 1, 1), [1, 5, 9, 13], 'a channel is every fourth column');
});

t.test('narrows attention by whole heads', async (t) => {
  const groups = groupsOf(`
    x = input f32[1,5,6]
    zero = constant f32[8]
    wq = constant f32[8,6] seed 11
    wk = constant f32[8,6] seed 12
    wv = constant f32[8,6] seed 13
    wo = constant f32[6,8] seed 14
    bo = constant f32[6]
    bq = constant f32[8] seed 21
    bk = constant f32[8] seed 22
    bv = constant f32[8] seed 23
    q = linear(x, wq, bq)
    k = linear(x, wk, bk)
    v = linear(x, wv, bv)
    q4 = reshape(q) {shape: [1, 5, 2, 4]}
    k4 = reshape(k) {shape: [1, 5, 2, 4]}
    v4 = reshape(v) {shape: [1, 5, 2, 4]}
    qh = transpose(q4) {perm: [0, 2, 1, 3]}
    kh = transpose(k4) {perm: [0, 2, 3, 1]}
    vh = transpose(v4) {perm: [0, 2, 1, 3]}
    s = matmul(qh, kh)
    p = softmax(s) {axis: 3}
    o = matmul(p, vh)
    ot = transpose(o) {perm: [0, 2, 1, 3]}
    of = reshape(ot) {shape: [1, 5, 8]}
    y = linear(of, wo, bo)
    return y
  `);
  t.same(free(groups), ['2: wq.0 bq.0 wk.0 bk.0 wv.0 bv.0 wo.1'], 'two heads, one group');
  const group = groups.find(({ frozen }) => frozen === undefined);
  t.same(indices(group, 'wk', 0, 1), [4, 5, 6, 7], 'a head is four rows');
});

t.test('freezes what reaches an op that needs the whole axis, and says which', async (t) => {
  const groups = groupsOf(`
    x = input f32[1,3,8,8]
    w1 = constant f32[4,3,1,1]
    b1 = constant f32[4]
    y1 = conv(x, w1, b1) ${conv(0)}
    s = softmax(y1) {axis: 1}
    w2 = constant f32[2,4,1,1]
    b2 = constant f32[2]
    y2 = conv(s, w2, b2) ${conv(0)}
    return y2
  `);
  t.same(free(groups), [], 'nothing is free');
  const inner = groups.find(({ axes }) => axes.some(({ node }) => node.name === 'b1'));
  t.equal(inner?.frozen, 's (softmax) needs the whole axis', 'the reason names the op');
});

t.test('ties a constant that two convs share by all of their axes', async (t) => {
  const groups = groupsOf(`
    x = input f32[1,4,8,8]
    w0 = constant f32[4,4,1,1] seed 1
    b = constant f32[4]
    w = constant f32[4,4,1,1] seed 2
    a = conv(x, w0, b) ${conv(0)}
    c = conv(a, w, b) ${conv(0)}
    d = conv(c, w, b) ${conv(0)}
    return d
  `);
  t.same(free(groups), [], 'the shared weights carry the output back to the first conv');
});

t.test('follows channels into space', async (t) => {
  const groups = groupsOf(`
    x = input f32[1,3,4,4]
    w1 = constant f32[8,3,1,1]
    b1 = constant f32[8]
    y1 = conv(x, w1, b1) ${conv(0)}
    s = depthToSpace(y1) {block: 2, mode: DCR}
    w2 = constant f32[3,2,1,1]
    b2 = constant f32[3]
    y2 = conv(s, w2, b2) ${conv(0)}
    return y2
  `);
  t.same(free(groups), ['2: w1.0 b1.0 w2.1'], 'one group');
  const group = groups.find(({ frozen }) => frozen === undefined);
  t.same(indices(group, 'w1', 0, 1), [1, 3, 5, 7], 'every second channel is of the second output');
});

t.test('keeps the parts of a split apart', async (t) => {
  const groups = groupsOf(`
    x = input f32[1,3,4,4]
    w1 = constant f32[6,3,1,1]
    b1 = constant f32[6]
    y1 = conv(x, w1, b1) ${conv(0)}
    left = slice(y1) {starts: [0, 0, 0, 0], sizes: [1, 2, 4, 4], steps: [1, 1, 1, 1]}
    right = slice(y1) {starts: [0, 2, 0, 0], sizes: [1, 4, 4, 4], steps: [1, 1, 1, 1]}
    w2 = constant f32[3,2,1,1]
    w3 = constant f32[3,4,1,1]
    b = constant f32[3]
    y2 = conv(left, w2, b) ${conv(0)}
    y3 = conv(right, w3, b) ${conv(0)}
    return y2, y3
  `);
  t.same(free(groups), ['2: w1.0 b1.0 w2.1', '4: w1.0 b1.0 w3.1'], 'a group a part');
});

t.test('passes the gate of a squeeze and excitation', async (t) => {
  const groups = groupsOf(`
    x = input f32[1,3,4,4]
    w0 = constant f32[4,3,1,1]
    b0 = constant f32[4]
    a = conv(x, w0, b0) ${conv(0)}
    m = reduce(a) {kind: sum, axes: [2, 3], keepDims: true}
    w1 = constant f32[2,4,1,1]
    b1 = constant f32[2]
    e = conv(m, w1, b1) ${conv(0)} then relu(a0)
    w2 = constant f32[4,2,1,1]
    b2 = constant f32[4]
    g = conv(e, w2, b2) ${conv(0)} then sigmoid(a0)
    s = map(a, g) {expr: a0 * a1}
    w3 = constant f32[5,4,1,1]
    b3 = constant f32[5]
    y = conv(s, w3, b3) ${conv(0)}
    return y
  `);
  t.same(free(groups), ['4: w0.0 b0.0 w1.1 w2.0 b2.0 w3.1', '2: w1.0 b1.0 w2.1'], 'two groups');
});
