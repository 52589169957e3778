// A model's graph as one list of operator calls: functions inlined, and only what outputs need.

import { create } from '@bufbuild/protobuf';
import type { Location } from '@espalier/ir';
import { badModel, modelTooLarge } from '../errors.ts';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type OperatorSetIdProto,
  type TensorProto,
} from './proto/onnx_pb.ts';

/** One call of an operator. The names of values are unique in the model. */
export interface Call {
  readonly op: string;
  readonly domain: string;
  /** Version of the operator set that the call follows. */
  readonly opset: number;
  /** Name for messages: the node's, or else that of its first output. */
  readonly label: string;
  /** Names of the operands; empty for one that is left out. */
  readonly inputs: readonly string[];
  /** Names of the results; empty for one that is not wanted. */
  readonly outputs: readonly string[];
  readonly attributes: readonly AttributeProto[];
  /** The graphs among the attributes: branches, and bodies of loops. */
  readonly bodies: ReadonlyMap<string, Body>;
}

/** A graph inside of a call, which sees the values around it. */
export interface Body {
  readonly inputCount: number;
  /** Names of values around it that it may read. */
  reads(): readonly string[];
  /**
   * Its calls with names of their own.
   *
   * @param inputs Names that its inputs have outside.
   * @param prefix What sets this expansion apart from any other.
   */
  expand(inputs: readonly string[], prefix: string): Expanded;
}

/** A body that has become calls. */
export interface Expanded {
  readonly calls: readonly Call[];
  /** Initializers by the names that the calls use. */
  readonly constants: ReadonlyMap<string, TensorProto>;
  readonly outputs: readonly string[];
}

const limits = { nesting: 16, calls: 100_000 };

/** What a call inside of a function sees in place of its own names. */
interface Scope {
  readonly rename: (value: string) => string;
  readonly attributes: ReadonlyMap<string, AttributeProto>;
  readonly opsets: ReadonlyMap<string, number>;
  readonly prefix: string;
  readonly depth: number;
}

const opsetsOf = (list: readonly OperatorSetIdProto[]) =>
  new Map(list.map(({ domain, version }) => [normalize(domain), Number(version)]));

const normalize = (domain: string) => (domain === 'ai.onnx' ? '' : domain);

const keyOf = (domain: string, name: string, overload: string) =>
  JSON.stringify([normalize(domain), name, overload]);

/**
 * The calls that the outputs need, in the model's order.
 *
 * @throws {EspalierError} BAD_MODEL, MODEL_TOO_LARGE
 */
export function flatten(model: ModelProto, at: Location): Call[] {
  const functions = new Map<string, FunctionProto>(
    model.functions.map((body) => [keyOf(body.domain, body.name, body.overload), body]),
  );
  let made = 0;

  const add = (node: NodeProto, scope: Scope, into: Call[]) => {
    const domain = normalize(node.domain);
    const body = functions.get(keyOf(domain, node.opType, node.overload));
    const label = scope.prefix + (node.name || node.output.find(Boolean) || node.opType);
    const attributes = node.attribute.flatMap((attribute) => bind(attribute, scope));
    const inputs = node.input.map(scope.rename);
    const outputs = node.output.map(scope.rename);
    if (body !== undefined)
      return inline(body, { label, inputs, outputs, attributes }, scope, into);
    const opset = scope.opsets.get(domain);
    if (opset === undefined)
      throw badModel(`operator ${node.opType} is of domain ${domain}, which is not imported`, {
        ...at,
        node: label,
      });
    const bodies = new Map(
      attributes.flatMap(({ name, g }) => (g ? [[name, bodyOf(g, scope)] as const] : [])),
    );
    into.push({ op: node.opType, domain, opset, label, inputs, outputs, attributes, bodies });
    if (++made > limits.calls)
      throw modelTooLarge(`the model has more than ${limits.calls} nodes`, at);
  };

  const bodyOf = (graph: GraphProto, outer: Scope): Body => ({
    inputCount: graph.input.length,
    reads: () => namesRead(graph).map(outer.rename),
    expand(inputs, prefix) {
      if (outer.depth === limits.nesting)
        throw badModel(`graphs are nested more than ${limits.nesting} deep`, at);
      const names = new Map<string, string>([['', '']]);
      const own = (name: string) => `${prefix}\u001f${name}`;
      for (const { name } of graph.initializer) names.set(name, own(name));
      for (const { output } of graph.node)
        for (const name of output) if (name !== '') names.set(name, own(name));
      graph.input.forEach(({ name }, i) => void names.set(name, inputs[i] ?? own(name)));
      const scope: Scope = {
        ...outer,
        rename: (value) => names.get(value) ?? outer.rename(value),
        prefix: `${prefix}/`,
        depth: outer.depth + 1,
      };
      const all: Call[] = [];
      for (const node of graph.node) add(node, scope, all);
      const outputs = graph.output.map(({ name }) => scope.rename(name));
      return {
        calls: needed(all, new Set(outputs)),
        constants: new Map(graph.initializer.map((tensor) => [own(tensor.name), tensor])),
        outputs,
      };
    },
  });

  const inline = (
    body: FunctionProto,
    call: Pick<Call, 'label' | 'inputs' | 'outputs' | 'attributes'>,
    outer: Scope,
    into: Call[],
  ) => {
    if (outer.depth === limits.nesting)
      throw badModel(`functions call each other more than ${limits.nesting} deep`, at);
    const prefix = `${call.label}/`;
    const names = new Map<string, string>([['', '']]);
    body.input.forEach((name, i) => void names.set(name, call.inputs[i] ?? ''));
    body.output.forEach((name, i) => void names.set(name, call.outputs[i] || prefix + name));
    const given = new Map(body.attributeProto.map((attribute) => [attribute.name, attribute]));
    for (const attribute of call.attributes) given.set(attribute.name, attribute);
    const scope: Scope = {
      // A unit separator cannot be in a name that an exporter writes, so that none collides.
      rename: (value) => names.get(value) ?? `${prefix}\u001f${value}`,
      attributes: given,
      opsets: new Map([...outer.opsets, ...opsetsOf(body.opsetImport)]),
      prefix,
      depth: outer.depth + 1,
    };
    for (const node of body.node) add(node, scope, into);
  };

  const top: Scope = {
    rename: (value) => value,
    attributes: new Map(),
    opsets: opsetsOf(model.opsetImport),
    prefix: '',
    depth: 0,
  };
  const calls: Call[] = [];
  for (const node of model.graph?.node ?? []) add(node, top, calls);
  return needed(calls, new Set(model.graph?.output.map(({ name }) => name)));
}

/** An attribute with a reference to one of the surrounding function's replaced by its value. */
function bind(attribute: AttributeProto, { attributes }: Scope): AttributeProto[] {
  if (attribute.refAttrName === '') return [attribute];
  const value = attributes.get(attribute.refAttrName);
  // Left out by the caller: then the operator's own default holds.
  if (value === undefined) return [];
  return [create(AttributeProtoSchema, { ...value, name: attribute.name })];
}

/** The calls that some wanted value needs. */
function needed(calls: readonly Call[], wanted: Set<string>): Call[] {
  const kept: Call[] = [];
  for (const call of calls.toReversed())
    if (call.outputs.some((name) => name !== '' && wanted.has(name))) {
      kept.push(call);
      for (const name of call.inputs) wanted.add(name);
      for (const body of call.bodies.values()) for (const name of body.reads()) wanted.add(name);
    }
  return kept.reverse();
}

/** All names that a graph and those inside of it read. */
function namesRead(graph: GraphProto): string[] {
  const inner = graph.node.flatMap(({ attribute }) => attribute.flatMap(({ g }) => g ?? []));
  return [
    ...graph.output.map(({ name }) => name),
    ...graph.node.flatMap(({ input }) => input),
    ...inner.flatMap(namesRead),
  ];
}
