// The builder makes nodes: one typed method an op, types inferred at once, equal nodes made once.

import { showAttrs } from './attrs.ts';
import { assert } from './errors.ts';
import { type Graph, splitInputs, topologicalOrder } from './graph.ts';
import { inferEpilogue, inferOp } from './infer.ts';
import type { ConstantNode, InputNode, Node, OpNode } from './node.ts';
import { type ArityOf, type AttrsOf, type OpName, ops } from './ops/index.ts';
import type { Arity, Operands } from './ops/op.ts';
import {
  arg,
  argumentsOf,
  plain,
  type Scalar,
  type ScalarName,
  showScalar,
  substitute,
} from './ops/scalar.ts';
import type { TensorData, TensorType } from './types.ts';
import { allocate, type DType, elementCount, showType, type Tensor } from './types.ts';

/** Constants of at most this many elements are compared by content, larger ones by identity. */
const smallElements = 64;

type AttrArguments<A> = object extends A ? [attrs?: A] : [attrs: A];

type Method<A, N extends Arity> = N extends 'many'
  ? (inputs: readonly Node[], ...attrs: AttrArguments<A>) => Node
  : (...args: [...Operands<N, Node>, ...AttrArguments<A>]) => Node;

type OpMethods = { readonly [K in OpName]: Method<AttrsOf<K>, ArityOf<K>> };

/** What every builder has besides one method for each op of the table. */
interface CoreMethods {
  /** A value that the caller supplies. Never interned: two inputs are two values. */
  input(name: string, type: TensorType): InputNode;
  constant(value: Tensor, name?: string): ConstantNode;
  /** A rank-0 constant, f32 by default. */
  value(number: number, dtype?: DType): ConstantNode;
  /** One scalar function over operands, as a `map`. */
  scalar(fn: ScalarName, ...inputs: readonly Node[]): Node;
  /** Any op by name, for callers that treat all ops alike. */
  apply(op: OpName, inputs: readonly Node[], attrs: object): OpNode;
  /**
   * `node` with `expr` applied to its result (argument 0) and `extras` (1, 2, …). An epilogue that
   * it has already runs first; a `map` takes the expression into its own.
   */
  withEpilogue(node: OpNode, expr: Scalar, extras: readonly Node[]): OpNode;
  /**
   * The op of `node`, epilogue included, over other operands and, if given, with other attributes;
   * `node` itself if nothing differs.
   */
  withInputs(node: OpNode, inputs: readonly Node[], attrs?: OpNode['attrs']): OpNode;
  /** A builder over the same nodes whose new ones carry this name. */
  named(name: string): Builder;
}

/** Makes nodes. Every method throws BAD_SHAPE or BAD_DTYPE where operands do not fit. */
export type Builder = OpMethods & CoreMethods;

let lastId = 0;

/** A builder; nodes of `from` count as made by it. */
export function createBuilder(from?: Graph): Builder {
  return builderOver(intern(from ? topologicalOrder(from) : []), undefined);
}

type Draft = Omit<ConstantNode, 'id' | 'name'> | Omit<OpNode, 'id' | 'name'>;

/** The nodes of one builder, by what they compute. */
interface Interned {
  /** The node that computes the same, if any. */
  find(draft: Draft): Node | undefined;
  add(node: Node): void;
}

function intern(nodes: readonly Node[]): Interned {
  const byKey = new Map<string, Node>();
  const arrays = new Map<TensorData, number>();

  function content(data: TensorData): string {
    // Bytes, since -0 and the NaNs are values of their own.
    if (data.length <= smallElements)
      return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).join();
    const known = arrays.get(data) ?? arrays.size;
    arrays.set(data, known);
    return `#${known}`;
  }

  function key(node: Draft): string {
    if (node.kind === 'constant') return `${showType(node.type)} ${content(node.value.data)}`;
    const epilogue = node.epilogue ? ` then ${showScalar(node.epilogue)}` : '';
    const inputs = node.inputs.map((input) => input.id).join();
    return `${node.op}(${inputs}) ${showAttrs(node.attrs)}${epilogue}`;
  }

  function add(node: Node): void {
    if (node.kind === 'input') return;
    const own = key(node);
    if (!byKey.has(own)) byKey.set(own, node);
  }

  nodes.forEach(add);
  return { find: (draft) => byKey.get(key(draft)), add };
}

function builderOver(interned: Interned, name: string | undefined): Builder {
  function opNode(
    op: OpName,
    inputs: readonly Node[],
    attrs: object,
    epilogue?: Scalar,
    label = name ?? op,
  ): OpNode {
    assert(!epilogue || 'evaluate' in ops[op], `only primitives carry an epilogue, not ${op}`);
    const { own, extras } = splitInputs({ inputs, ...(epilogue && { epilogue }) });
    const result = inferOp(op, own.map(typeOf), attrs);
    const type = epilogue ? inferEpilogue(result, extras.map(typeOf), epilogue) : result;
    const draft = { kind: 'op', op, type, inputs, attrs, ...(epilogue && { epilogue }) } as const;
    const known = interned.find(draft);
    if (known?.kind === 'op') return known;
    const node: OpNode = { id: ++lastId, name: label, ...draft };
    interned.add(node);
    return node;
  }

  function constant(value: Tensor, own?: string): ConstantNode {
    assert(
      value.data.length === elementCount(value.type.shape),
      `a constant of ${showType(value.type)} has as many elements, not ${value.data.length}`,
    );
    const draft = { kind: 'constant', type: value.type, value } as const;
    const known = interned.find(draft);
    if (known?.kind === 'constant') return known;
    const node: ConstantNode = { id: ++lastId, name: own ?? name ?? 'constant', ...draft };
    interned.add(node);
    return node;
  }

  const core: CoreMethods = {
    input: (own, type) => ({ kind: 'input', id: ++lastId, name: own, type }),
    constant,

    value(number, dtype = 'f32') {
      const type = { dtype, shape: [] };
      const data = allocate(type);
      data[0] = number;
      return constant({ type, data });
    },

    scalar: (fn, ...inputs) => opNode('map', inputs, { expr: plain(fn) }),
    apply: (op, inputs, attrs) => opNode(op, inputs, attrs),

    withEpilogue(node, expr, extras) {
      inferEpilogue(node.type, extras.map(typeOf), expr);
      const inputs = [...node.inputs, ...extras];
      if (node.op === 'map' && !node.epilogue) {
        const { expr: inner } = node.attrs as AttrsOf<'map'>; // its op says so
        return opNode('map', inputs, { expr: after(inner, node.inputs.length, expr) });
      }
      const { extras: earlier } = splitInputs(node);
      const whole = after(node.epilogue ?? arg(0), earlier.length + 1, expr);
      return opNode(node.op, inputs, node.attrs, whole);
    },

    withInputs: (node, inputs, attrs = node.attrs) =>
      attrs === node.attrs && inputs.every((input, i) => input === node.inputs[i])
        ? node
        : opNode(node.op, inputs, attrs, node.epilogue, node.name),

    named: (own) => builderOver(interned, own),
  };

  const methods = Object.keys(ops).map((key) => {
    const op = key as OpName; // a key of the table
    const { arity }: { readonly arity: Arity } = ops[op];
    const count = arity === 'many' ? 0 : arity;
    const method = (...args: readonly unknown[]) =>
      arity === 'many'
        ? opNode(op, args[0] as readonly Node[], (args[1] ?? {}) as object)
        : opNode(op, args.slice(0, count) as readonly Node[], (args[count] ?? {}) as object);
    return [op, method];
  });
  // The methods are typed by the table that they have just been made from.
  return { ...(Object.fromEntries(methods) as OpMethods), ...core };
}

const typeOf = (node: Node): TensorType => node.type;

/** `expr` of the result of `inner`, the further arguments of `expr` counted from `first` on. */
const after = (inner: Scalar, first: number, expr: Scalar): Scalar =>
  substitute(expr, [
    inner,
    ...Array.from({ length: Math.max(0, ...argumentsOf(expr)) }, (_, i) => arg(first + i)),
  ]);
