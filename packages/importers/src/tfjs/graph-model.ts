// A graph model: TensorFlow's nodes, run at import.

import type { Location, Node } from '@espalier/ir';
import { badModel, noOutput, unsupportedType } from '../errors.ts';
import type { Observe } from '../survey.ts';
import type { DeclaredInput } from '../tensorflow/inputs.ts';
import type { Ports } from '../tensorflow/plan.ts';
import { attributesOf, parseDtype, parseShape } from './attributes.ts';
import { type Call, type CallPlan, refuseUnknown } from './calls.ts';
import { bodyOf } from './graph/body.ts';
import { placeholders } from './graph/known.ts';
import { openLibrary } from './graph/library.ts';
import {
  type Nodes,
  parseFunctions,
  parseNodes,
  parseRef,
  type Ref,
  type TfNode,
} from './graph/nodes.ts';
import { createRun } from './graph/run.ts';
import { always, isTensor, type Results, type Value } from './graph/value.ts';
import { asRecord, asText, field, isRecord, type JsonRecord } from './json.ts';
import type { TfjsModel } from './read.ts';

/** Where an importer that is missing would go. */
const place = 'packages/importers/src/tensorflow/ops';

interface Wishes {
  readonly file: string;
  /** Names of nodes or of their results, in place of the model's own outputs. */
  readonly outputs?: readonly string[] | undefined;
  readonly observe?: Observe<Call> | undefined;
}

/**
 * What a graph model takes and gives, and how.
 *
 * @throws {EspalierError} BAD_MODEL, UNSUPPORTED_TYPE, NO_OUTPUT
 */
export function planGraphModel(
  model: TfjsModel,
  { file, outputs: wanted, observe }: Wishes,
): CallPlan {
  const at: Location = { file };
  const nodes = parseNodes(field(model.topology, 'node'), at);
  const library = openLibrary(parseFunctions(field(model.topology, 'library'), at), file);
  const declared = outputsOf(model.signature, nodes, at);
  const outputs = wanted?.map((name) => chosen(name, nodes, declared, at)) ?? declared;
  const body = bodyOf(nodes, '', at);
  const roots = outputs.map(({ ref }) => ref.node);
  const order = body.order(roots, new Set());
  const reached = new Set(order.map(({ name }) => name));
  const inputs = inputsOf(model.signature, nodes, order, at).filter(
    // The signature's inputs are there, used or not, unless the caller knows what is wanted.
    ({ node }) => wanted === undefined || reached.has(node),
  );
  const given = inputs.map(({ node }) => node);
  return {
    inputs: inputs.map(({ input }) => input),
    calls: library.callsFor(body, roots, given),
    place,
    build(house, ports) {
      const check = (calls: readonly Call[]) => refuseUnknown({ calls, place }, at);
      const { run } = createRun({ model, library, house, file, observe, check });
      const held = run(
        body,
        outputs.map(({ ref }) => ref),
        portsOf(inputs, ports),
      );
      return outputs.map(({ name }, i) => ({ name, node: tensorOf(held[i]!.value, name, at) }));
    },
  };
}

function tensorOf(value: Value, name: string, at: Location): Node {
  if (!isTensor(value)) throw unsupportedType(`output ${name} is ${value.kind}`, at);
  return value;
}

const unique = <T extends { readonly name: string }>(list: readonly T[]): T[] => [
  ...new Map(list.map((item) => [item.name, item])).values(),
];

const withoutIndex = (name: string): string => name.replace(/:0$/, '');

/** The signature's by the names of their nodes, as TF.js' `model.outputs` has them; or the nodes that nothing reads. */
function outputsOf(signature: JsonRecord, nodes: Nodes, at: Location): Named[] {
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

interface Named {
  readonly name: string;
  readonly ref: Ref;
}

/** An output by the name that the caller gives: a node's, with `:1` behind for another result than the first. */
function chosen(name: string, nodes: Nodes, declared: readonly Named[], at: Location): Named {
  const own = declared.find((output) => output.name === name);
  const ref = nodes.has(name) ? { node: name, index: 0 } : parseRef(name);
  if (own) return own;
  if (!nodes.has(ref.node))
    throw noOutput(
      name,
      declared.map((output) => output.name),
      at,
    );
  return { name: withoutIndex(name), ref };
}

interface OwnedInput {
  readonly node: string;
  readonly input: DeclaredInput;
}

/** Placeholders in the signature's order, then those that it leaves out. */
function inputsOf(
  signature: JsonRecord,
  nodes: Nodes,
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
  const signed = found.size > 0;
  for (const node of order) {
    if (!placeholders.includes(node.op) || found.has(node.name)) continue;
    // What the signature leaves out has its default.
    if (!signed || node.inputs.length === 0) add(node, {});
  }
  return [...found.values()];
}

const portsOf = (declared: readonly OwnedInput[], ports: Ports): Map<string, Results> =>
  new Map(
    declared.map(({ node, input }) => [node, [{ value: ports.get(input.name)!, guards: always }]]),
  );
