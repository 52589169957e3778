// Seeded random graphs of layers, maps and movers: what the planner has to lay out in any combination.

import {
  type AttrsOf,
  createBuilder,
  type Graph,
  type InputNode,
  type Node,
  parseScalar,
  randomSource,
  randomTensor,
  type Tensor,
} from '@espalier/ir';

/** A graph, and values for its inputs. */
export interface RandomGraph {
  readonly graph: Graph;
  readonly inputs: Readonly<Record<string, Tensor>>;
}

type Quad = readonly [number, number, number, number];

/** Values stay of this many elements, so that many graphs take little time. */
const mostElements = 4000;

/** A graph of `size` random steps over rank-4 values; equal seeds give equal graphs. */
export function randomGraph(seed: number, size: number): RandomGraph {
  const next = randomSource(seed);
  const below = (n: number) => Math.floor(next() * n);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)]!;
  const b = createBuilder();
  const nodes: InputNode[] = [];
  const inputs: Record<string, Tensor> = {};
  let values = 0;

  const weights = (...shape: number[]): Node =>
    b.constant(randomTensor({ dtype: 'f32', shape }, 1000 * seed + ++values));
  const indices = (end: number, ...shape: number[]): Node => {
    const data = randomTensor({ dtype: 'i32', shape }, 1000 * seed + ++values, [0, end]);
    return b.constant(data);
  };
  const input = (shape: Quad): Node => {
    const name = `x${nodes.length}`;
    const type = { dtype: 'f32', shape } as const;
    inputs[name] = randomTensor(type, 1000 * seed + ++values);
    nodes.push(b.input(name, type));
    return nodes.at(-1)!;
  };
  const shapeOf = ({ type }: Node) => type.shape as Quad; // every value is of rank 4
  const margins = (): Quad => [below(3), below(3), below(3), below(3)];
  const like = (x: Node) => made.filter((y) => y.type.shape.join() === x.type.shape.join());

  const conv = (x: Node, depthwise: boolean): Node => {
    const [, c, h, w] = shapeOf(x);
    const [top, left, bottom, right] = margins();
    const r = 1 + below(Math.min(3, h + top + bottom));
    const s = 1 + below(Math.min(3, w + left + right));
    const sliding: AttrsOf<'conv'> = {
      stride: [1 + below(2), 1 + below(2)],
      dilation: [1, 1],
      pads: [top, left, bottom, right],
      groups: depthwise ? c : 1,
    };
    const outputs = depthwise ? c : 1 + below(13);
    return b.conv(x, weights(outputs, depthwise ? 1 : c, r, s), weights(outputs), sliding);
  };
  const steps: readonly ((x: Node) => Node)[] = [
    (x) => conv(x, false),
    (x) => conv(x, false),
    (x) => conv(x, true),
    (x) => b.scalar(pick(['relu', 'tanh', 'abs', 'neg']), x),
    (x) => b.scalar(pick(['add', 'sub', 'max']), x, pick(like(x))),
    (x) => b.scalar(pick(['add', 'mul']), x, weights(shapeOf(x)[1], 1, 1)),
    (x) => b.map([x], { expr: parseScalar('a0 * sigmoid(a0) + 0.5') }),
    (x) =>
      b.transpose(x, {
        perm: pick([
          [0, 1, 3, 2],
          [0, 2, 3, 1],
          [3, 1, 2, 0],
          [1, 0, 2, 3],
        ]),
      }),
    (x) => {
      const [n, c, h, w] = shapeOf(x);
      return b.reshape(x, {
        shape: pick([
          [c, n, h, w],
          [n, h, w, c],
          [1, n * c, h, w],
          [n, c, 1, h * w],
          [n, c, w, h],
        ]),
      });
    },
    (x) => {
      const sizes = shapeOf(x).map((extent) => 1 + below(extent));
      const starts = sizes.map((size, axis) => below(shapeOf(x)[axis]! - size + 1));
      return b.slice(x, { starts, sizes, steps: [1, 1, 1, 1] });
    },
    (x) => {
      const shape = shapeOf(x);
      const back = shape.map(() => next() < 0.5);
      const starts = shape.map((extent, axis) => (back[axis] ? extent - 1 : 0));
      const sizes = shape.map((extent) => Math.ceil(extent / 2));
      const steps = shape.map((_, axis) => (back[axis] ? -2 : 2));
      return b.slice(x, { starts, sizes, steps });
    },
    (x) => b.concat([x, pick(like(x)), x], { axis: below(4) }),
    (x) => b.pad(x, { before: [0, ...margins().slice(1)], after: [...margins()], value: 0.25 }),
    (x) => b.softmax(x, { axis: below(4) }),
    (x) =>
      b.reduce(x, {
        kind: pick(['sum', 'max']),
        axes: pick([[1], [2, 3], [0, 3]]),
        keepDims: true,
      }),
    (x) => b.matmul(x, b.transpose(x, { perm: [0, 1, 3, 2] })),
    (x) => {
      const shape = shapeOf(x).map((extent) => (extent === 1 ? 1 + below(4) : extent));
      return b.expand(x, { shape });
    },
    (x) => {
      const [, c] = shapeOf(x);
      const outputs = 1 + below(9);
      const sliding = { stride: [1 + below(2), 2], dilation: [1, 1], pads: [0, 0, 0, 0] } as const;
      const kernel = weights(c, outputs, 1 + below(3), 2);
      return b.convTranspose(x, kernel, weights(outputs), {
        ...sliding,
        outputPadding: [0, 0],
        groups: 1,
      });
    },
    (x) => {
      const outputs = 1 + below(11);
      return b.linear(x, weights(outputs, shapeOf(x)[3]), weights(outputs));
    },
    (x) => {
      const axis = below(4);
      const own = shapeOf(x).slice(axis);
      return b.layerNorm(x, weights(...own), weights(...own), { axis, epsilon: 0.01 });
    },
    (x) => {
      const axis = below(4);
      const length = 1 + below(6);
      return b.gather(x, indices(shapeOf(x)[axis]!, length), { axis });
    },
    (x) => {
      const axis = below(4);
      const [length, taps] = [1 + below(6), 1 + below(5)];
      const table = indices(shapeOf(x)[axis]!, length, taps);
      return b.resample(x, table, weights(length, taps), { axis });
    },
    (x) => {
      const [, , h, w] = shapeOf(x);
      const kernel = [Math.min(2, h), Math.min(2, w)] as const;
      return b.maxPool(x, { kernel, stride: [1, 2], dilation: [1, 1], pads: [0, 0, 0, 0] });
    },
  ];

  const extent = () => pick([1, 2, 3, 5, 7, 8]);
  const made: Node[] = [];
  for (let i = 0; i < 2; i++) made.push(input([pick([1, 1, 2]), extent(), extent(), extent()]));
  while (made.length < size) {
    // Late values are picked more often: chains are more telling than bushes.
    const x = made[made.length - 1 - below(Math.min(made.length, 4))]!;
    const y = pick(steps)(x);
    if (shapeOf(y).reduce((n, d) => n * d, 1) <= mostElements) made.push(y);
  }
  const outputs = [made.at(-1)!, ...Array.from({ length: 3 }, () => pick(made))];
  return {
    graph: { inputs: nodes, outputs: outputs.map((node, i) => ({ name: `y${i}`, node })) },
    inputs,
  };
}
