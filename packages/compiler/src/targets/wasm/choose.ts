// Chooses kernels: each that accepts a node is lowered for trial, and its calls are priced.

import {
  assert,
  elementCount,
  type OpNode,
  showAttrs,
  showScalar,
  showType,
  splitInputs,
  type TensorData,
} from '@espalier/ir';
import { stepTime } from '../../devices/latency.ts';
import type { Profile } from '../../devices/profile.ts';
import type { Work } from '../../devices/work.ts';
import { broadcast, extentOf } from '../../plan/strides.ts';
import {
  type Buffer,
  elementBytes,
  noHalo,
  type Order,
  rowMajor,
  type View,
} from '../../plan/view.ts';
import type { Emitter, Kernel, Wish } from './kernel.ts';
import { emitClearHalo } from './kernels/clear-halo.ts';
import { emitCopy } from './kernels/copy.ts';
import { kernels } from './kernels/index.ts';
import { bodiesOf } from './link.ts';
import { type PricedCall, workOf } from './work-of.ts';

/** The kernels that can run a node, the preferred first. */
function kernelsFor(node: OpNode, exact: boolean): readonly Kernel[] {
  const table: Readonly<Record<string, readonly Kernel[]>> = kernels;
  const able = (table[node.op] ?? []).filter(
    (kernel) => !(exact && kernel.inexact) && (kernel.accepts?.(node) ?? true),
  );
  assert(able.length > 0, `a kernel runs ${node.op}`);
  return able;
}

/** Names the kernel of a node, to overrule the prediction; `undefined` leaves the choice. */
export type KernelPick = (node: OpNode, able: readonly Kernel[]) => Kernel | undefined;

/** How kernels are chosen for one program. */
export interface Choice {
  readonly profile: Profile;
  /** Whether kernels whose rounding errors exceed those of plain sums stay out. */
  readonly exact: boolean;
  readonly pick?: KernelPick | undefined;
  /** Bytes of the constants of the program: between two inferences all of them are read. */
  readonly constantBytes: number;
}

/** A kernel, and the time that it is predicted to take in all modules of the profile together. */
export interface Predicted {
  readonly kernel: Kernel;
  readonly ns: number;
}

/** The kernels that may run a node, at least one, with their predicted times. */
export function predictKernels(node: OpNode, choice: Choice): readonly Predicted[] {
  const { profile, exact, pick, constantBytes } = choice;
  const able = kernelsFor(node, exact);
  const picked = pick?.(node, able);
  if (picked) return [{ kernel: picked, ns: 0 }];
  if (able.length === 1 || elementCount(node.type.shape) === 0)
    return able.slice(0, 1).map((kernel) => ({ kernel, ns: 0 }));
  return able.map((kernel) => {
    const steps = rehearsed(node, kernel);
    const times = profile.modules.flatMap((module) =>
      steps.map((step) => stepTime(step, profile, module, constantBytes).ns),
    );
    const ns = times.reduce((sum, each) => sum + each, 0);
    return { kernel, ns: (kernel.worthFrom ?? 1) * ns };
  });
}

const rehearsals = new Map<string, readonly Work[]>();

/** So many are kept: searches compile one network hundreds of times, and change a layer or two. */
const mostRehearsals = 20_000;

/** What a kernel would do for a node; nodes that are alike, and have the same constants, need no other rehearsal. */
function rehearsed(node: OpNode, kernel: Kernel): readonly Work[] {
  const key = `${kernel.name} of ${contentOf(node)}`;
  const known = rehearsals.get(key) ?? rehearse(node, kernel);
  if (rehearsals.size >= mostRehearsals) rehearsals.clear();
  rehearsals.set(key, known);
  return known;
}

const identities = new WeakMap<TensorData, number>();
let lastIdentity = 0;

function identityOf(data: TensorData): number {
  const own = identities.get(data) ?? ++lastIdentity;
  identities.set(data, own);
  return own;
}

/** All of a node that a rehearsal sees. */
function contentOf({ op, attrs, epilogue, type, inputs }: OpNode): string {
  const operands = inputs.map((input) =>
    input.kind === 'constant'
      ? `${showType(input.type)} ${identityOf(input.value.data)}`
      : `${showType(input.type)} ${input.kind}`,
  );
  const then = epilogue ? ` then ${showScalar(epilogue)}` : '';
  return `${op}(${operands.join(', ')}) ${showAttrs(attrs)}${then}: ${showType(type)}`;
}

/** What a kernel would do for a node, with its operands as it wishes them. */
export function rehearse(node: OpNode, kernel: Kernel): Work[] {
  const calls: PricedCall[] = [];
  let lastBuffer = 0;
  const buffer = (bytes: number, kind: Buffer['kind']): Buffer => ({
    id: ++lastBuffer,
    bytes,
    kind,
    label: node.name,
  });
  const emit: Emitter = {
    call: (call) => calls.push({ kernel: kernel.name, ...call }),
    constant: (data, _label, _layout, preparation) => ({
      buffer: buffer(preparation?.bytes ?? 4 * data.length, 'constant'),
      byteOffset: 0,
    }),
    offsets: (lists) => ({
      offsets: {
        buffer: buffer(4 * lists.reduce((sum, { length }) => sum + length, 0), 'constant'),
        byteOffset: 0,
      },
      counts: { buffer: buffer(4 * lists.length, 'constant'), byteOffset: 0 },
    }),
    scratch: (bytes) => ({ buffer: buffer(bytes, 'scratch'), byteOffset: 0 }),
  };
  const view = (type: View | OpNode['type'], order: Order, halo = noHalo): View => {
    const { elements, offset, strides } = extentOf(type.shape, order, halo);
    const bytes = elementBytes(type.dtype);
    const address = {
      buffer: buffer(bytes * elements, 'activation'),
      byteOffset: bytes * offset,
    };
    return { address, dtype: type.dtype, shape: type.shape, strides, halo };
  };
  const order = kernel.order?.(node) ?? rowMajor(node.type.shape.length);
  const { own, extras } = splitInputs(node);
  const reads = kernel.reads?.(node) ?? own.map((_, index) => index);
  const operands = new Map(
    reads.map((index) => {
      const wish = kernel.wish?.(node, index) ?? {};
      const { type, kind } = own[index]!;
      const wished = wishedBy(wish, type.shape.length);
      const operand = view(type, wished, wish.halo);
      if (wish.halo?.some((rows) => rows > 0)) {
        emitClearHalo(emit, operand);
        // The caller's memory has no margin: into the other order it is copied anyhow, into its own for that.
        const given = rowMajor(type.shape.length);
        if (kind === 'input' && isSameOrder(wished, given))
          emitCopy(emit, view(type, given), operand, 'arrange');
      }
      return [index, operand];
    }),
  );
  const output = view(node.type, order);
  kernel.lower({
    node,
    input(index) {
      const operand = operands.get(index);
      assert(operand, `${kernel.name} reads operand ${index}`);
      return operand;
    },
    extras: extras.map(({ type }) => {
      const own = type.shape.length === output.shape.length ? order : rowMajor(type.shape.length);
      return broadcast(view(type, own), output.shape);
    }),
    epilogue: node.epilogue,
    output,
    emit,
  });
  return calls.map((call) => {
    const { plain, relaxed } = bodiesOf(call);
    return workOf(call, { plain: plain.tally, relaxed: relaxed.tally });
  });
}

const isSameOrder = (a: Order, b: Order): boolean => a.every((axis, i) => axis === b[i]);

/** An order that fulfils a wish. */
function wishedBy({ dense, unitAxis }: Wish, rank: number): Order {
  if (dense) return dense;
  if (unitAxis === undefined) return rowMajor(rank);
  return [...rowMajor(rank).filter((axis) => axis !== unitAxis), unitAxis];
}
