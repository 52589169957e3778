// From graph to calls: each value gets a view, each node a kernel, and views that a kernel does not
// take are copied into ones that it does.

import {
  type AttrsOf,
  assert,
  type ConstantNode,
  elementCount,
  type Graph,
  type Node,
  type OpNode,
  rowMajorStrides,
  splitInputs,
  type TensorType,
  topologicalOrder,
} from '@espalier/ir';
import {
  type ConstantPool,
  createConstantPool,
  type PlacedConstant,
  permuted,
} from '../../plan/constants.ts';
import {
  broadcast,
  extentOf,
  orderOf,
  reshapedView,
  sliced,
  transposed,
} from '../../plan/strides.ts';
import {
  type Buffer,
  elementBytes,
  isDense,
  noHalo,
  type Order,
  rowMajor,
  type View,
} from '../../plan/view.ts';
import type { Choice } from './choose.ts';
import type { Emitter, Kernel, Site, Wish } from './kernel.ts';
import { emitClearHalo } from './kernels/clear-halo.ts';
import { emitCopy } from './kernels/copy.ts';
import { findPlacements, type Placement } from './placements.ts';
import { chooseKernels } from './regions.ts';
import { splitSite } from './split.ts';
import { fulfils, type Margin, marginOf, noMargin, wishedMargins, wishedOrder } from './wishes.ts';
import type { PricedCall } from './work-of.ts';

/** A port's buffer, with what the caller needs to know. */
export interface PortBuffer {
  readonly name: string;
  readonly type: TensorType;
  readonly buffer: Buffer;
}

/** A graph as calls over buffers that have no addresses yet. */
export interface Lowered {
  readonly calls: readonly PricedCall[];
  readonly constants: readonly PlacedConstant[];
  readonly inputs: readonly PortBuffer[];
  readonly outputs: readonly PortBuffer[];
  /** Calls that may run at the same time: the first, and the ends of each part. */
  readonly groups: readonly (readonly number[])[];
}

/** Lowers a graph of primitives, with the kernels that are predicted to be fastest on a device. */
export function lower(
  graph: Graph,
  { threads, ...options }: Omit<Choice, 'constantBytes'> & { readonly threads: number },
): Lowered {
  const calls: PricedCall[] = [];
  const groups: number[][] = [];
  const views = new Map<Node, View>();
  const arrangedViews = new Map<string, View>();
  let lastBuffer = 0;
  const newBuffer = (bytes: number, kind: Buffer['kind'], label: string): Buffer => ({
    id: ++lastBuffer,
    bytes,
    kind,
    label,
  });
  const constants: ConstantPool = createConstantPool(newBuffer);
  const emit: Emitter = {
    // Steps that no kernel adds say what they are.
    call: (call) => calls.push({ kernel: 'other', ...call }),
    constant: (data, label, layout, preparation) => ({
      buffer: constants.add(data, label, layout, preparation),
      byteOffset: 0,
    }),
    offsets(lists, label) {
      const { offsets, counts } = constants.addOffsets(lists, label);
      return {
        offsets: { buffer: offsets, byteOffset: 0 },
        counts: { buffer: counts, byteOffset: 0 },
      };
    },
    scratch: (bytes, label) => ({ buffer: newBuffer(bytes, 'scratch', label), byteOffset: 0 }),
  };

  const order = topologicalOrder(graph);
  const choice = { ...options, constantBytes: constantBytes(order) };
  const chosen = chooseKernels(graph, choice, isAlias);
  const marginIn = wishedMargins(chosen);
  const outputs = new Set(graph.outputs.map(({ node }) => node));
  const placements = findPlacements({ chosen, marginIn, outputs });
  const wholes = new Map<OpNode, View>();

  /** A new buffer for a value, cleared around where it has a halo. */
  function place(type: TensorType, axes: Order, { halo, fill }: Margin, label: string): View {
    const { elements, offset, strides } = extentOf(type.shape, axes, halo);
    const bytes = elementBytes(type.dtype);
    const buffer = newBuffer(bytes * elements, 'activation', label);
    const address = { buffer, byteOffset: bytes * offset };
    const view: View = { address, dtype: type.dtype, shape: type.shape, strides, halo, fill };
    if (halo.some((rows) => rows > 0) && elements > 0) emitClearHalo(emit, view);
    return view;
  }

  /** The view of a value as it is. */
  function viewOf(node: Node): View {
    const known = views.get(node);
    if (known) return known;
    assert(node.kind === 'constant', `${node.name} is lowered before it is read`);
    const view = constantView(node, rowMajor(node.type.shape.length));
    views.set(node, view);
    return view;
  }

  function constantView(node: ConstantNode, axes: Order): View {
    const { shape, dtype } = node.type;
    const { strides } = extentOf(shape, axes, noHalo);
    const data = permuted(node.value, axes);
    const address = emit.constant(data, node.name);
    return { address, dtype, shape, strides, halo: noHalo };
  }

  /** A view of a value that fulfils a wish: its own, or that of a copy. */
  function arranged(node: Node, wish: Wish): View {
    if (node.kind === 'constant' && !views.has(node) && !wish.halo)
      return arrangedConstant(node, wish);
    const view = viewOf(node);
    if (elementCount(view.shape) === 0 || fulfils(view, wish)) return view;
    const axes = wishedOrder(view, wish);
    const margin = marginOf(wish);
    const key = `${node.id}:${axes}:${margin.halo}:${margin.fill}`;
    const known = arrangedViews.get(key);
    if (known) return known;
    const copy = place(node.type, axes, margin, `${node.name}, rearranged`);
    emitCopy(emit, view, copy, `arrange ${node.name}`);
    arrangedViews.set(key, copy);
    return copy;
  }

  function arrangedConstant(node: ConstantNode, wish: Wish): View {
    const plain = { ...viewShape(node.type), address: { buffer: nowhere, byteOffset: 0 } };
    if (fulfils(plain, wish)) return viewOf(node);
    return constantView(node, wishedOrder(plain, wish));
  }

  /** The row-major port of a graph output that may be written without a detour, if there is one. */
  const ports = graph.outputs.map(({ name, node }): PortBuffer => {
    const buffer = newBuffer(bytesIn(node.type), 'output', name);
    return { name, type: node.type, buffer };
  });
  const written = new Set<PortBuffer>();

  /** Where a value is written: in its part of a concatenation if it has one there. */
  function resultView(node: OpNode, kernel: Kernel): View {
    const placement = placements.get(node);
    if (!placement) return wholes.get(node) ?? ownView(node, kernel, kernel.order?.(node));
    const { shape } = node.type;
    const steps = shape.map(() => 1);
    const part = sliced(wholeOf(placement), placement.starts, shape, steps);
    return { ...part, halo: marginIn(node, placement.order).halo };
  }

  /** The concatenation, placed before its parts. */
  function wholeOf({ concat, order }: Placement): View {
    const known = wholes.get(concat);
    if (known) return known;
    const kernel = chosen.get(concat);
    assert(kernel, 'a concatenation has a kernel');
    const inner = placements.has(concat);
    const whole = inner ? resultView(concat, kernel) : ownView(concat, kernel, order);
    wholes.set(concat, whole);
    return whole;
  }

  function ownView(node: OpNode, kernel: Kernel, order: Order | undefined): View {
    const { type } = node;
    const axes = order ?? followedOrder(node);
    const margin = kernel.writesDense ? noMargin : marginIn(node, axes);
    const { halo } = margin;
    const port = ports.find((_, i) => graph.outputs[i]!.node === node);
    if (port && halo === noHalo) {
      const { strides } = extentOf(type.shape, axes, noHalo);
      const address = { buffer: port.buffer, byteOffset: 0 };
      const view: View = { address, dtype: type.dtype, shape: type.shape, strides, halo };
      if (isDense(view, rowMajor(type.shape.length))) {
        written.add(port);
        return view;
      }
    }
    return place(type, axes, margin, node.name);
  }

  /** The order of the largest operand of the result's shape; row-major without one. */
  function followedOrder(node: OpNode): Order {
    const rank = node.type.shape.length;
    const readable = node.inputs.filter((input) => views.has(input));
    const like = readable.filter((input) => input.type.shape.length === rank);
    const size = (input: Node) => elementCount(input.type.shape);
    const largest = like.reduce<Node | undefined>(
      (best, input) => (best && size(best) >= size(input) ? best : input),
      undefined,
    );
    return largest ? orderOf(viewOf(largest)) : rowMajor(rank);
  }

  function lowerOp(node: OpNode): void {
    const kernel = chosen.get(node);
    assert(kernel, `${node.op} has a kernel`);
    const { own, extras } = splitInputs(node);
    const reads = kernel.reads?.(node) ?? own.map((_, index) => index);
    const operands = new Map<number, View>();
    for (const index of reads)
      operands.set(index, arranged(own[index]!, kernel.wish?.(node, index) ?? {}));
    const output = resultView(node, kernel);
    views.set(node, output);
    if (elementCount(node.type.shape) === 0) return;
    const site: Site = {
      node,
      input(index) {
        const view = operands.get(index);
        assert(view, `${kernel.name} reads operand ${index}`);
        return view;
      },
      extras: extras.map((extra) => broadcast(extraView(extra, output, kernel), node.type.shape)),
      epilogue: node.epilogue,
      output,
      emit: { ...emit, call: (call) => calls.push({ kernel: kernel.name, ...call }) },
    };
    const parts = splitSite(site, kernel, threads) ?? [site];
    const group = [calls.length];
    for (const part of parts) {
      kernel.lower(part);
      group.push(calls.length);
    }
    if (parts.length > 1) groups.push(group);
  }

  /** An epilogue's operand, in the order of the result where it is as large. */
  function extraView(extra: Node, output: View, kernel: Kernel): View {
    const sameSize = elementCount(extra.type.shape) === elementCount(output.shape);
    if (!sameSize || extra.type.shape.length !== output.shape.length) return viewOf(extra);
    const order = orderOf(output);
    return arranged(extra, kernel.writesDense ? { dense: order } : { unitAxis: order.at(-1) ?? 0 });
  }

  const inputs = graph.inputs.map(({ name, type }): PortBuffer => {
    const buffer = newBuffer(bytesIn(type), 'input', name);
    return { name, type, buffer };
  });
  graph.inputs.forEach((node, i) => {
    const address = { buffer: inputs[i]!.buffer, byteOffset: 0 };
    views.set(node, { ...viewShape(node.type), address });
  });
  for (const node of order) {
    if (node.kind !== 'op') continue;
    if (isAlias(node)) views.set(node, aliasView(node));
    else lowerOp(node);
  }

  function aliasView(node: OpNode): View {
    const [input] = node.inputs;
    assert(input, `${node.op} has an operand`);
    const view = viewOf(input);
    if (node.op === 'transpose') return transposed(view, (node.attrs as AttrsOf<'transpose'>).perm);
    if (node.op === 'expand') return broadcast(view, node.type.shape);
    if (node.op === 'slice') {
      const { starts, sizes, steps } = node.attrs as AttrsOf<'slice'>; // its op says so
      return sliced(view, starts, sizes, steps);
    }
    const { shape } = node.type;
    const dense = () => arranged(input, { dense: rowMajor(view.shape.length) });
    const result = reshapedView(view, shape) ?? reshapedView(dense(), shape);
    assert(result, 'a dense tensor takes any shape');
    return result;
  }

  ports.forEach((port, i) => {
    const { node } = graph.outputs[i]!;
    if (written.has(port) || elementCount(node.type.shape) === 0) return;
    const address = { buffer: port.buffer, byteOffset: 0 };
    emitCopy(emit, viewOf(node), { ...viewShape(node.type), address }, `output ${port.name}`);
  });
  return { calls, constants: constants.all, inputs, outputs: ports, groups };
}

const nowhere: Buffer = { id: 0, bytes: 0, kind: 'constant', label: 'not placed' };

const viewShape = ({ dtype, shape }: TensorType): Omit<View, 'address'> => ({
  dtype,
  shape,
  strides: rowMajorStrides(shape),
  halo: noHalo,
});

const aliases: readonly string[] = ['transpose', 'slice', 'expand', 'reshape'];

/** Ops that are a view of their operand, unless something is to be done to the elements. */
const isAlias = (node: OpNode): boolean => aliases.includes(node.op) && !node.epilogue;

/** Bytes of a value in memory. */
const bytesIn = ({ dtype, shape }: TensorType): number => elementBytes(dtype) * elementCount(shape);

/** Bytes of the constants of a graph. */
const constantBytes = (nodes: readonly Node[]): number =>
  nodes.reduce((sum, node) => sum + (node.kind === 'constant' ? bytesIn(node.type) : 0), 0);
