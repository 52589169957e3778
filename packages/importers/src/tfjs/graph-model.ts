// A graph model: TensorFlow nodes in topological order, each by its operator's importer.

import type { Location, Node } from '@espalier/ir';
import { badModel } from '../errors.ts';
import type { Observe } from '../survey.ts';
import type { DeclaredInput } from '../tensorflow/inputs.ts';
import { importedTfOps, operatorOf } from '../tensorflow/ops/index.ts';
import type { Site } from '../tensorflow/ops/operator.ts';
import type { Ports } from '../tensorflow/plan.ts';
import type { House } from '../tensorflow/room.ts';
import { located, settled } from '../tensorflow/settle.ts';
import { attributesOf, parseDtype, parseShape } from './attributes.ts';
import { type Call, type CallPlan, callOf } from './calls.ts';
import { asList, asRecord, asText, field, isRecord, type JsonRecord } from './json.ts';
import type { TfjsModel } from './read.ts';

/** A result of a node. */
interface Ref {
  readonly node: string;
  readonly index: number;
}

interface TfNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly Ref[];
  readonly attrs: JsonRecord;
}

/** Operators that stand for a value from outside. */
const placeholders = ['Placeholder', 'PlaceholderWithDefault'];

/** The names of all operators that graph models may have, sorted. */
export const importedTfjsOps = (): string[] =>
  [...importedTfOps(), ...placeholders, 'Const'].sort();

/**
 * What a graph model takes and gives, and how.
 *
 * @throws {EspalierError} BAD_MODEL, UNSUPPORTED_TYPE
 */
export function planGraphModel(model: TfjsModel, file: string, observe?: Observe<Call>): CallPlan {
  const at: Location = { file };
  const nodes = parseNodes(model.topology, at);
  const outputs = outputsOf(model.signature, nodes, at);
  const order = reached(
    outputs.map(({ ref }) => ref),
    nodes,
    at,
  );
  checkConstants(order, model, at);
  const declared = inputsOf(model.signature, nodes, order, at);
  return {
    inputs: declared.map(({ input }) => input),
    calls: order.filter((node) => !isOwn(node)).map(callTo),
    place: 'packages/importers/src/tensorflow/ops',
    build(house, ports) {
      const setting = { model, house, file, observe };
      const values = importNodes(order, setting, portsOf(declared, ports));
      return outputs.map(({ name, ref }) => ({ name, node: resultOf(values, ref, at) }));
    },
  };
}

function parseNodes(topology: JsonRecord, at: Location): Map<string, TfNode> {
  const nodes = new Map<string, TfNode>();
  for (const entry of asList(field(topology, 'node'), 'the list of nodes', at)) {
    const record = asRecord(entry, 'a node', at);
    const name = asText(field(record, 'name'), 'the name of a node', at);
    const here = { ...at, node: name };
    const inputs = asList(field(record, 'input') ?? [], 'the operands', here)
      .map((input) => asText(input, 'an operand', here))
      .filter((input) => !input.startsWith('^')) // only orders execution
      .map((input) => parseRef(input));
    if (nodes.has(name)) throw badModel(`two nodes are named ${name}`, at);
    nodes.set(name, {
      name,
      op: asText(field(record, 'op'), 'the operator', here),
      inputs,
      attrs: asRecord(field(record, 'attr') ?? {}, 'the attributes', here),
    });
  }
  return nodes;
}

/** `name` or `name:1`. */
function parseRef(text: string): Ref {
  const found = /^(.*):(\d{1,4})$/s.exec(text);
  return found ? { node: found[1]!, index: Number(found[2]) } : { node: text, index: 0 };
}

const unique = <T extends { readonly name: string }>(list: readonly T[]): T[] => [
  ...new Map(list.map((item) => [item.name, item])).values(),
];

const withoutIndex = (name: string): string => name.replace(/:0$/, '');

/** The signature's by the names of their nodes, as TF.js' `model.outputs` has them; or the nodes that nothing reads. */
function outputsOf(signature: JsonRecord, nodes: ReadonlyMap<string, TfNode>, at: Location) {
  const given = field(signature, 'outputs');
  if (isRecord(given) && Object.keys(given).length > 0)
    return unique(
      Object.entries(given).map(([key, value]) => {
        const info = asRecord(value, `output ${key}`, at);
        const name = asText(field(info, 'name') ?? key, `output ${key}`, at);
        return { name: withoutIndex(name), ref: parseRef(name) };
      }),
    );
  const read = new Set([...nodes.values()].flatMap(({ inputs }) => inputs.map(({ node }) => node)));
  const ends = [...nodes.values()].filter(({ name, op }) => !read.has(name) && op !== 'NoOp');
  if (ends.length === 0) throw badModel('every node is read by another: there is no output', at);
  return ends.map(({ name }) => ({ name, ref: { node: name, index: 0 } }));
}

/** Every node that the outputs need, operands first. */
function reached(roots: readonly Ref[], nodes: ReadonlyMap<string, TfNode>, at: Location) {
  const order: TfNode[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const enter = (name: string) => {
    const node = nodes.get(name);
    if (node === undefined) throw badModel(`node ${name} is read, and is not there`, at);
    if (state.get(name) === 'open')
      throw badModel(`node ${name} needs itself: only graphs without loops have an order`, at);
    if (state.has(name)) return;
    state.set(name, 'open');
    stack.push({ node, next: 0 });
  };
  const stack: { node: TfNode; next: number }[] = [];
  for (const root of roots) {
    enter(root.node);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const input = top.node.inputs[top.next++];
      if (input !== undefined) enter(input.node);
      else {
        state.set(top.node.name, 'done');
        order.push(top.node);
        stack.pop();
      }
    }
  }
  return order;
}

const isOwn = ({ op }: TfNode): boolean => op === 'Const' || placeholders.includes(op);

/** Constants have to have a value. */
function checkConstants(order: readonly TfNode[], { weights }: TfjsModel, at: Location): void {
  for (const { op, name } of order)
    if (op === 'Const' && !weights.has(name))
      throw badModel(`constant ${name} is not in weightsManifest`, at);
}

const callTo = (node: TfNode): Call =>
  callOf(node.op, node.name, operatorOf(node.op) !== undefined);

interface OwnedInput {
  readonly node: string;
  readonly input: DeclaredInput;
}

/** Placeholders in the signature's order, then those that it leaves out. */
function inputsOf(
  signature: JsonRecord,
  nodes: ReadonlyMap<string, TfNode>,
  order: readonly TfNode[],
  at: Location,
): OwnedInput[] {
  const found = new Map<string, OwnedInput>();
  const add = (node: TfNode, info: JsonRecord) => {
    const here = { ...at, node: node.name };
    const attributes = attributesOf(node.attrs, here);
    const shape = attributes.shape('shape');
    const signed = parseShape(field(info, 'tensorShape'), here);
    // Optimisers write a scalar's shape where they know none.
    const own = shape?.length === 0 && signed?.length !== 0 ? undefined : shape;
    const usual = signed?.length === 0 && own?.length !== 0 ? undefined : signed;
    const dtype = attributes.dtype('dtype') ?? parseDtype(field(info, 'dtype'), 'the type', here);
    found.set(node.name, { node: node.name, input: { name: node.name, dtype, dims: own, usual } });
  };
  const given = field(signature, 'inputs');
  for (const [key, value] of isRecord(given) ? Object.entries(given) : []) {
    const info = asRecord(value, `input ${key}`, at);
    const ref = parseRef(asText(field(info, 'name') ?? key, `input ${key}`, at));
    const node = nodes.get(ref.node);
    if (node && placeholders.includes(node.op)) add(node, info);
  }
  for (const node of order)
    if (placeholders.includes(node.op) && !found.has(node.name)) add(node, {});
  return [...found.values()];
}

const portsOf = (declared: readonly OwnedInput[], ports: Ports) =>
  new Map(declared.map(({ node, input }) => [node, ports.get(input.name)!] as const));

interface Setting {
  readonly model: TfjsModel;
  readonly house: House;
  readonly file: string;
  readonly observe: Observe<Call> | undefined;
}

function importNodes(
  order: readonly TfNode[],
  { model: { weights }, house, file, observe }: Setting,
  ports: ReadonlyMap<string, Node>,
): Map<string, readonly Node[]> {
  const values = new Map<string, readonly Node[]>();
  for (const node of order) {
    const at = { file, node: node.name };
    if (isOwn(node)) {
      const tensor = weights.get(node.name);
      const own = node.op === 'Const' ? house.b.constant(tensor!, node.name) : ports.get(node.name);
      values.set(node.name, [own!]); // `checkConstants` and `inputsOf` have seen to it
      continue;
    }
    try {
      const inputs = node.inputs.map((ref) => resultOf(values, ref, at));
      const results = operatorOf(node.op)!(siteOf(node, inputs, house)); // what is unknown has been refused
      const list = ('kind' in results ? [results] : results).map((result) =>
        settled(result, house, at),
      );
      observe?.(callTo(node), list);
      values.set(node.name, list);
    } catch (error) {
      throw located(error, node.op, at);
    }
  }
  return values;
}

function resultOf(values: ReadonlyMap<string, readonly Node[]>, ref: Ref, at: Location): Node {
  const value = values.get(ref.node)?.[ref.index];
  if (value === undefined) throw badModel(`node ${ref.node} has no result ${ref.index}`, at);
  return value;
}

function siteOf(node: TfNode, inputs: readonly Node[], house: House): Site {
  const room = house.room(node.name);
  const input = (i: number): Node => {
    const operand = inputs[i];
    if (operand === undefined) throw room.bad(`${node.op} has no operand ${i}`);
    return operand;
  };
  return {
    ...room,
    inputs,
    input,
    attributes: attributesOf(node.attrs, room.at),
    numbers(i) {
      const value = room.known(input(i));
      if (value === undefined)
        throw room.dynamic(`operand ${i} of ${node.op} is known only when the model runs`);
      return Array.from(value.data);
    },
  };
}
