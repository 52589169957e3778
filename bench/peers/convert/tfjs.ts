// Writes a network as a TF.js graph model: the JSON of a TensorFlow graph, and its weights.

import {
  type Activation,
  fuseActivations,
  type PeerGraph,
  type PeerOp,
  type PeerTensor,
  type Window,
} from './peer-graph.ts';
import { permuted } from './values.ts';
import { isSamePadded, padBefore } from './windows.ts';

/** What `loadGraphModel` takes through a handler. */
export interface TfjsModel {
  readonly json: {
    readonly modelTopology: unknown;
    readonly weightSpecs: readonly unknown[];
    /** Names of the nodes, in the graph's order. */
    readonly inputs: readonly string[];
    readonly outputs: readonly string[];
  };
  readonly weights: Uint8Array;
}

type Attr = Readonly<Record<string, unknown>>;

const text = (value: string): string => Buffer.from(value).toString('base64');
const s = (value: string): Attr => ({ s: text(value) });
const list = (values: readonly number[]): Attr => ({ list: { i: values.map(String) } });
const type: Attr = { type: 'DT_FLOAT' };
const nhwc = s('NHWC');

const fusable: Readonly<Record<Activation['kind'], string>> = {
  relu: 'Relu',
  relu6: 'Relu6',
  elu: 'Elu',
  sigmoid: 'Sigmoid',
  leakyRelu: 'LeakyRelu',
};
const layers: readonly string[] = ['conv', 'depthwise', 'fullyConnected'];

const ops: Readonly<Record<string, string>> = {
  abs: 'Abs',
  elu: 'Elu',
  exp: 'Exp',
  log: 'Log',
  neg: 'Neg',
  relu: 'Relu',
  relu6: 'Relu6',
  rsqrt: 'Rsqrt',
  sigmoid: 'Sigmoid',
  sqrt: 'Sqrt',
  square: 'Square',
  tanh: 'Tanh',
  add: 'AddV2',
  sub: 'Sub',
  mul: 'Mul',
  div: 'RealDiv',
  max: 'Maximum',
  min: 'Minimum',
  softmax: 'Softmax',
  mean: 'Mean',
  sum: 'Sum',
  reduceMax: 'Max',
};

/** The graph model of a network. */
export function tfjs(original: PeerGraph): TfjsModel {
  const fused = fuseActivations(
    original,
    ({ attrs }, { kind }) => layers.includes(attrs.kind) && kind in fusable,
  );
  const graph = padBefore(fused, ({ attrs }) => layers.includes(attrs.kind));
  const nodes: unknown[] = [];
  const weightSpecs: unknown[] = [];
  const weights: Uint8Array[] = [];
  const names = new Map<PeerTensor, string>();
  let last = 0;

  function node(op: string, input: readonly string[], attr: Readonly<Record<string, Attr>>) {
    const name = `n${++last}`;
    nodes.push({ name, op, input, attr: { T: type, ...attr } });
    return name;
  }
  function constant(data: Float32Array | Int32Array, shape: readonly number[]): string {
    const whole = data instanceof Int32Array;
    const dtype: Attr = { type: whole ? 'DT_INT32' : 'DT_FLOAT' };
    const dim = shape.map((size) => ({ size: String(size) }));
    const value: Attr = { tensor: { dtype: dtype.type, tensorShape: { dim } } };
    const name = node('Const', [], { dtype, value });
    weightSpecs.push({ name, shape, dtype: whole ? 'int32' : 'float32' });
    weights.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return name;
  }
  const integers = (...values: number[]): string =>
    constant(Int32Array.from(values), [values.length]);
  const float = (value: number): string => constant(Float32Array.of(value), []);
  function nameOf(tensor: PeerTensor): string {
    const known = names.get(tensor);
    if (known !== undefined) return known;
    const name = constant(tensor.data!, tensor.shape); // what no op made is a constant
    names.set(tensor, name);
    return name;
  }
  /** A constant operand, its axes in another order. */
  const reordered = ({ data, shape }: PeerTensor, perm: readonly number[]): string =>
    constant(
      permuted(data!, shape, perm),
      perm.map((axis) => shape[axis]!),
    );

  const fusedOps = ({ activation }: PeerOp): Record<string, Attr> => ({
    num_args: { i: '1' },
    fused_ops: {
      list: { s: ['BiasAdd', ...(activation ? [fusable[activation.kind]] : [])].map(text) },
    },
    ...(activation?.kind === 'leakyRelu' && { leakyrelu_alpha: { f: activation.alpha } }),
  });
  const window = (op: PeerOp, { stride, dilation, pads }: Window): Record<string, Attr> => {
    const [top, left, bottom, right] = pads;
    const none = pads.every((n) => n === 0);
    const same = isSamePadded(op);
    return {
      strides: list([1, ...stride, 1]),
      dilations: list([1, ...dilation, 1]),
      padding: s(none ? 'VALID' : same ? 'SAME' : 'EXPLICIT'),
      explicit_paddings: list(none || same ? [] : [0, 0, top, bottom, left, right, 0, 0]),
      data_format: nhwc,
    };
  };

  function write(op: PeerOp): string {
    const { attrs, inputs, output } = op;
    const [x, w, bias] = inputs as [PeerTensor, PeerTensor, PeerTensor];
    const from = () => inputs.map(nameOf);
    switch (attrs.kind) {
      case 'conv': {
        const operands = [nameOf(x), reordered(w, [1, 2, 3, 0]), nameOf(bias)];
        return node('_FusedConv2D', operands, { ...window(op, attrs), ...fusedOps(op) });
      }
      case 'depthwise': {
        const [, rows, columns, outputs] = w.shape as [number, number, number, number];
        const shape = [rows, columns, outputs / attrs.multiplier, attrs.multiplier];
        const operands = [nameOf(x), constant(w.data!, shape), nameOf(bias)];
        const fields = { ...window(op, attrs), ...fusedOps(op) };
        return node('FusedDepthwiseConv2dNative', operands, fields);
      }
      case 'fullyConnected': {
        const k = x.shape.at(-1)!;
        const flat =
          x.shape.length === 2 ? nameOf(x) : node('Reshape', [nameOf(x), integers(-1, k)], {});
        const product = node('_FusedMatMul', [flat, reordered(w, [1, 0]), nameOf(bias)], {
          transpose_a: { b: false },
          transpose_b: { b: false },
          ...fusedOps(op),
        });
        if (x.shape.length === 2) return product;
        return node('Reshape', [product, integers(...output.shape)], {});
      }
      case 'maxPool':
      case 'avgPool':
        return node(attrs.kind === 'maxPool' ? 'MaxPool' : 'AvgPool', from(), {
          ...window(op, attrs),
          ksize: list([1, ...attrs.kernel, 1]),
        });
      case 'gelu': {
        const scaled = node('Mul', [nameOf(x), float(Math.SQRT1_2)], {});
        const one = node('AddV2', [node('Erf', [scaled], {}), float(1)], {});
        return node('Mul', [node('Mul', [nameOf(x), float(0.5)], {}), one], {});
      }
      case 'hardSwish': {
        const ramp = node('Relu6', [node('AddV2', [nameOf(x), float(3)], {})], {});
        return node('Mul', [nameOf(x), node('Mul', [ramp, float(1 / 6)], {})], {});
      }
      case 'leakyRelu':
        return node('LeakyRelu', from(), { alpha: { f: attrs.alpha } });
      case 'mean':
      case 'sum':
      case 'reduceMax':
        return node(ops[attrs.kind]!, [nameOf(x), integers(...attrs.axes)], {
          keep_dims: { b: true },
        });
      case 'reshape':
        return node('Reshape', [nameOf(x), integers(...output.shape)], {});
      case 'transpose':
        return node('Transpose', [nameOf(x), integers(...attrs.perm)], {});
      case 'concat': {
        const operands = [...from(), constant(Int32Array.of(attrs.axis), [])];
        return node('ConcatV2', operands, { N: { i: String(inputs.length) } });
      }
      case 'pad': {
        const margins = attrs.before.flatMap((n, axis) => [n, attrs.after[axis]!]);
        const table = constant(Int32Array.from(margins), [attrs.before.length, 2]);
        return node('PadV2', [nameOf(x), table, float(attrs.value)], {});
      }
      case 'slice':
        return node('Slice', [nameOf(x), integers(...attrs.starts), integers(...output.shape)], {});
      case 'batchMatmul':
        return node('BatchMatMulV2', from(), {
          adj_x: { b: attrs.adjX },
          adj_y: { b: attrs.adjY },
        });
      case 'resizeNearest':
      case 'resizeBilinear': {
        const nearest = attrs.kind === 'resizeNearest';
        const operands = [nameOf(x), integers(...output.shape.slice(1, 3))];
        return node(nearest ? 'ResizeNearestNeighbor' : 'ResizeBilinear', operands, {
          align_corners: { b: false },
          half_pixel_centers: { b: !nearest },
        });
      }
      case 'depthToSpace':
        return node('DepthToSpace', from(), {
          block_size: { i: String(attrs.block) },
          data_format: nhwc,
        });
      default:
        return node(ops[attrs.kind]!, from(), {});
    }
  }

  const inputs = graph.inputs.map((tensor) => {
    const dim = tensor.shape.map((size) => ({ size: String(size) }));
    const name = node('Placeholder', [], { dtype: type, shape: { shape: { dim } } });
    names.set(tensor, name);
    return name;
  });
  for (const op of graph.ops) names.set(op.output, write(op));
  return {
    json: {
      modelTopology: { node: nodes, versions: { producer: 1, minConsumer: 1 } },
      weightSpecs,
      inputs,
      outputs: graph.outputs.map(nameOf),
    },
    weights: Buffer.concat(weights),
  };
}
