// What stands in a TFLite file for each op. Numbers are those of TensorFlow's schema.fbs.

import type { Field } from '../../../test/support/write-tflite.ts';
import {
  type Activation,
  fuseActivations,
  type PeerGraph,
  type PeerOp,
  type PeerTensor,
  type Window,
} from './peer-graph.ts';
import { isSamePadded, padBefore } from './windows.ts';

/** What stands in the file for an op: BuiltinOperator and its version, BuiltinOptions and its fields. */
interface Written {
  readonly builtin: number;
  readonly version?: number;
  readonly options?: number;
  readonly fields?: readonly Field[];
  /** Operands behind those of the op: axes, shapes, margins and what fills them. */
  readonly extra?: readonly PeerTensor[];
}

const activations = { relu: 1, relu6: 3 } as const;

const fusedInto: readonly string[] = [
  'conv',
  'depthwise',
  'fullyConnected',
  'add',
  'sub',
  'mul',
  'div',
];

const accepts = ({ attrs }: PeerOp, { kind }: Activation): boolean =>
  kind in activations && fusedInto.includes(attrs.kind);

const activationCode = ({ activation }: PeerOp): number =>
  // `accepts` let no other pass.
  activation ? activations[activation.kind as keyof typeof activations] : 0;

const unary: Readonly<Record<string, Written>> = {
  abs: { builtin: 101 },
  elu: { builtin: 111 },
  exp: { builtin: 47 },
  gelu: { builtin: 150, options: 116, fields: [[0, 'bool', false]] },
  hardSwish: { builtin: 117 },
  log: { builtin: 73 },
  neg: { builtin: 59 },
  relu: { builtin: 19 },
  relu6: { builtin: 21 },
  rsqrt: { builtin: 76 },
  sigmoid: { builtin: 14 },
  sqrt: { builtin: 75 },
  square: { builtin: 92 },
  tanh: { builtin: 28 },
  max: { builtin: 55 },
  min: { builtin: 57 },
  softmax: { builtin: 25, options: 9, fields: [[0, 'f32', 1]] },
};

const arithmetic: Readonly<Record<string, readonly [builtin: number, options: number]>> = {
  add: [0, 11],
  mul: [18, 21],
  sub: [41, 28],
  div: [42, 29],
};

const folds = { mean: 40, sum: 74, reduceMax: 82 } as const;

const weave = (a: readonly number[], b: readonly number[]) => a.flatMap((n, i) => [n, b[i]!]);

const paddingCode = (same: boolean): Field => [0, 'i8', same ? 0 : 1];

const integers = (values: readonly number[], shape: readonly number[] = [values.length]) => ({
  shape,
  data: Int32Array.from(values),
});

const strides = ({ stride: [rows, columns] }: Window): Field[] => [
  [1, 'i32', columns],
  [2, 'i32', rows],
];

/** The network with ops that the format has: activations inside of others, paddings either `SAME` or ops of their own. */
export const forTflite = (graph: PeerGraph): PeerGraph =>
  padBefore(fuseActivations(graph, accepts), () => false);

/** One op of such a network. */
export function written(op: PeerOp): Written {
  const { attrs, inputs, output } = op;
  const fused = (slot: number): Field => [slot, 'i8', activationCode(op)];
  switch (attrs.kind) {
    case 'conv':
    case 'depthwise': {
      const depthwise = attrs.kind === 'depthwise';
      const [rows, columns] = attrs.dilation;
      const at = depthwise ? 4 : 3;
      const fields: Field[] = [
        paddingCode(isSamePadded(op)),
        ...strides(attrs),
        ...(depthwise ? ([[3, 'i32', attrs.multiplier]] as const) : []),
        fused(at),
        [at + 1, 'i32', columns],
        [at + 2, 'i32', rows],
      ];
      return { builtin: depthwise ? 4 : 3, options: depthwise ? 2 : 1, fields };
    }
    case 'maxPool':
    case 'avgPool': {
      const [rows, columns] = attrs.kernel;
      const size: Field[] = [
        [3, 'i32', columns],
        [4, 'i32', rows],
      ];
      const fields = [paddingCode(isSamePadded(op)), ...strides(attrs), ...size];
      return { builtin: attrs.kind === 'maxPool' ? 17 : 1, options: 5, fields };
    }
    case 'fullyConnected':
      return {
        builtin: 9,
        version: 5, // the first has no product that keeps its rank
        options: 8,
        fields: [fused(0), [2, 'bool', inputs[0]!.shape.length > 2]],
      };
    case 'add':
    case 'sub':
    case 'mul':
    case 'div': {
      const [builtin, options] = arithmetic[attrs.kind]!;
      return { builtin, options, fields: [fused(0)] };
    }
    case 'leakyRelu':
      return { builtin: 98, options: 75, fields: [[0, 'f32', attrs.alpha]] };
    case 'mean':
    case 'sum':
    case 'reduceMax': {
      const fields: Field[] = [[0, 'bool', true]];
      return { builtin: folds[attrs.kind], options: 27, fields, extra: [integers(attrs.axes)] };
    }
    case 'reshape':
      return { builtin: 22, extra: [integers(output.shape)] };
    case 'transpose':
      return { builtin: 39, extra: [integers(attrs.perm)] };
    case 'concat':
      return { builtin: 2, options: 10, fields: [[0, 'i32', attrs.axis]] };
    case 'slice':
      return { builtin: 65, extra: [integers(attrs.starts), integers(output.shape)] };
    case 'batchMatmul': {
      const fields: Field[] = [
        [0, 'bool', attrs.adjX],
        [1, 'bool', attrs.adjY],
      ];
      return { builtin: 126, options: 101, fields };
    }
    case 'resizeNearest':
      return { builtin: 97, options: 74, fields: [], extra: [integers(output.shape.slice(1, 3))] };
    case 'resizeBilinear': {
      const fields: Field[] = [[3, 'bool', true]];
      return { builtin: 23, options: 15, fields, extra: [integers(output.shape.slice(1, 3))] };
    }
    case 'depthToSpace':
      return { builtin: 5, options: 94, fields: [[0, 'i32', attrs.block]] };
    case 'pad': {
      const margins = integers(weave(attrs.before, attrs.after), [attrs.before.length, 2]);
      if (attrs.value === 0) return { builtin: 34, extra: [margins] };
      return { builtin: 60, extra: [margins, { shape: [1], data: Float32Array.of(attrs.value) }] };
    }
    default:
      return unary[attrs.kind]!;
  }
}
