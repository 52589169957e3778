// A layers model: Keras' topology, Sequential or Functional, models within models.

import type { Location, Node, Output, Tensor } from '@espalier/ir';
import { badModel, unsupportedOp } from '../errors.ts';
import type { Observe } from '../survey.ts';
import type { DeclaredInput } from '../tensorflow/inputs.ts';
import type { House } from '../tensorflow/room.ts';
import { located, settled } from '../tensorflow/settle.ts';
import { type Call, type CallPlan, callOf } from './calls.ts';
import {
  asList,
  asRecord,
  asText,
  asWhole,
  field,
  isList,
  isRecord,
  type Json,
  type JsonRecord,
} from './json.ts';
import { layerOf } from './layers/index.ts';
import type { CustomLayer, CustomLayers, LayerSite } from './layers/layer.ts';
import type { TfjsModel } from './read.ts';

/** One result of one call of a layer. */
interface Ref {
  readonly layer: string;
  readonly call: number;
  readonly tensor: number;
}

interface Layer {
  readonly className: string;
  readonly name: string;
  readonly config: JsonRecord;
  /** The operands of each call. */
  readonly calls: readonly (readonly Ref[])[];
  /** The model that it is, if it is one. */
  readonly model?: Model;
}

interface Model {
  readonly layers: ReadonlyMap<string, Layer>;
  readonly inputs: readonly Ref[];
  readonly outputs: readonly Ref[];
}

/** Models within models go no deeper. */
const mostDepth = 16;

/** Where an importer that is missing would go. */
const place = 'packages/importers/src/tfjs/layers or the option customLayers';

const containers = ['Functional', 'Model', 'Sequential'];

/**
 * What a layers model takes and gives, and how.
 *
 * @throws {EspalierError} BAD_MODEL
 */
export function planLayersModel(
  { topology, weights }: TfjsModel,
  {
    file,
    custom,
    observe,
  }: {
    readonly file: string;
    readonly custom: CustomLayers;
    readonly observe?: Observe<Call> | undefined;
  },
): CallPlan {
  const at: Location = { file };
  const root = asRecord(field(topology, 'model_config') ?? topology, 'model_config', at);
  const model = parseModel(root, at, 0);
  const inputs = model.inputs.map(({ layer }) => declared(model.layers.get(layer)!, at));
  return {
    inputs,
    calls: callsOf(model, custom, ''),
    place,
    build(house, ports) {
      const operands = inputs.map(({ name }) => ports.get(name)!);
      const context = { weights, custom, house, file, observe, masks: new Map<Node, Node>() };
      const results = run(model, operands, context, '');
      const several = new Map<string, number>();
      for (const { layer } of model.outputs) several.set(layer, (several.get(layer) ?? 0) + 1);
      return model.outputs.map(
        ({ layer, tensor }, i): Output => ({
          name: several.get(layer) === 1 ? layer : `${layer}:${tensor}`,
          node: results[i]!,
        }),
      );
    },
  };
}

function parseModel(record: JsonRecord, at: Location, depth: number): Model {
  if (depth > mostDepth) throw badModel(`models lie ${depth} deep in each other`, at);
  const className = asText(field(record, 'class_name'), 'class_name', at);
  if (!containers.includes(className)) throw badModel(`a model of class ${className}`, at);
  const config = field(record, 'config');
  return className === 'Sequential'
    ? parseSequential(config, at, depth)
    : parseFunctional(asRecord(config, 'config', at), at, depth);
}

function parseLayer(value: Json, at: Location, depth: number): Layer {
  const record = asRecord(value, 'a layer', at);
  const className = asText(field(record, 'class_name'), 'the class of a layer', at);
  const raw = field(record, 'config') ?? {};
  const config = isList(raw) ? {} : asRecord(raw, 'the configuration of a layer', at);
  const named = field(record, 'name') ?? field(config, 'name');
  const name = asText(named, `the name of a ${className}`, at);
  const here = { ...at, node: name };
  const inbound = asList(field(record, 'inbound_nodes') ?? [], 'inbound_nodes', here);
  const calls = inbound.map((call) => refsIn(call, here));
  const model = containers.includes(className) ? parseModel(record, here, depth + 1) : undefined;
  return { className, name, config, calls, ...(model && { model }) };
}

/** References `[layer, call, tensor, …]` in the order in which they stand; Keras 3 hides them in records. */
function refsIn(value: Json, at: Location): Ref[] {
  const found: Ref[] = [];
  const stack: Json[] = [value];
  while (stack.length > 0) {
    const item = stack.pop()!;
    if (isList(item)) {
      const [layer, call, tensor] = item;
      if (typeof layer === 'string' && typeof call === 'number' && typeof tensor === 'number')
        found.push({
          layer,
          call: asWhole(call, 'a call', at),
          tensor: asWhole(tensor, 'a result', at),
        });
      else stack.push(...[...item].reverse());
    } else if (isRecord(item)) {
      const config = field(item, 'config');
      const history = isRecord(config) ? field(config, 'keras_history') : undefined;
      const args = field(item, 'args');
      if (history !== undefined) stack.push(history);
      else if (args !== undefined) stack.push(args);
    }
  }
  return found;
}

function layersOf(list: Json | undefined, at: Location, depth: number): Layer[] {
  const layers = asList(list, 'the list of layers', at).map((layer) =>
    parseLayer(layer, at, depth),
  );
  if (new Set(layers.map(({ name }) => name)).size < layers.length)
    throw badModel('two layers have one name', at);
  return layers;
}

function parseFunctional(config: JsonRecord, at: Location, depth: number): Model {
  const layers = new Map(
    layersOf(field(config, 'layers'), at, depth).map((layer) => [layer.name, layer]),
  );
  const ends = (name: string) => {
    const refs = refsIn(asList(field(config, name), name, at), at);
    if (refs.length === 0) throw badModel(`${name} is empty`, at);
    for (const { layer } of refs)
      if (!layers.has(layer))
        throw badModel(`${name} names layer ${layer}, which is not there`, at);
    return refs;
  };
  return { layers, inputs: ends('input_layers'), outputs: ends('output_layers') };
}

/** A chain of layers; its input is one more layer. */
function parseSequential(config: Json | undefined, at: Location, depth: number): Model {
  const list = isRecord(config) ? field(config, 'layers') : config;
  const chain = layersOf(list, at, depth);
  const [first] = chain;
  if (!first) throw badModel('a model without layers', at);
  const ref = (layer: string): Ref => ({ layer, call: 0, tensor: 0 });
  const input: Layer =
    first.className === 'InputLayer'
      ? { ...first, calls: [[]] }
      : {
          className: 'InputLayer',
          name: `${first.name}_input`,
          config: { ...first.config, name: `${first.name}_input` },
          calls: [[]],
          ...(first.model && { model: first.model }),
        };
  const rest = first.className === 'InputLayer' ? chain.slice(1) : chain;
  const layers = new Map<string, Layer>([[input.name, input]]);
  let last = input.name;
  for (const layer of rest) {
    layers.set(layer.name, { ...layer, calls: [[ref(last)]] });
    last = layer.name;
  }
  return { layers, inputs: [ref(input.name)], outputs: [ref(last)] };
}

/** The shape and type of an input layer, or of the first layer of a chain. */
function declared({ name, config, model }: Layer, at: Location): DeclaredInput {
  const here = { ...at, node: name };
  const shape = field(config, 'batch_input_shape') ?? field(config, 'batch_shape');
  if (shape === undefined && model) {
    const inner = model.inputs[0] && model.layers.get(model.inputs[0].layer);
    if (inner) return { ...declared(inner, at), name };
  }
  const dims = (shape === undefined ? undefined : asList(shape, 'the shape', here))?.map(
    (extent) => {
      if (extent === null) return undefined;
      const whole = asWhole(extent, 'an extent', here);
      return whole < 0 ? undefined : whole;
    },
  );
  const dtype = field(config, 'dtype');
  return { name, dims, dtype: dtype === 'int32' ? 'i32' : dtype === 'bool' ? 'bool' : 'f32' };
}

/** The calls of layers, in the order in which the file has them; models are what they hold. */
function callsOf({ layers }: Model, custom: CustomLayers, prefix: string): Call[] {
  return [...layers.values()].flatMap(({ className, name, model: inner }) => {
    const label = prefix + name;
    if (inner) return callsOf(inner, custom, `${label}/`);
    if (className === 'InputLayer') return [];
    return [callOf(className, label, layerOf(className, custom) !== undefined)];
  });
}

interface Context {
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly custom: CustomLayers;
  readonly house: House;
  readonly file: string;
  readonly observe: Observe<Call> | undefined;
  readonly masks: Masks;
}

/** The outputs of a model over operands; only the calls that they need. */
function run(model: Model, operands: readonly Node[], context: Context, prefix: string): Node[] {
  const { file } = context;
  const values = new Map<string, readonly Node[]>();
  const key = ({ layer, call }: Ref) => `${call}:${layer}`;
  model.inputs.forEach((ref, i) => {
    const operand = operands[i];
    if (operand === undefined) throw badModel(`no operand for input ${ref.layer}`, { file });
    values.set(key(ref), [operand]);
  });
  const open = new Set<string>();
  const stack = [...model.outputs].reverse();
  for (let ref = stack.at(-1); ref !== undefined; ref = stack.at(-1)) {
    const own = key(ref);
    const layer = model.layers.get(ref.layer);
    const at = { file, node: prefix + ref.layer };
    if (values.has(own)) {
      stack.pop();
      continue;
    }
    const call = layer?.calls[ref.call];
    if (layer === undefined || call === undefined)
      throw badModel(`call ${ref.call} of layer ${ref.layer} is not there`, at);
    const missing = call.filter((operand) => !values.has(key(operand)));
    if (missing.length > 0) {
      if (open.has(own)) throw badModel(`layer ${ref.layer} needs itself`, at);
      open.add(own);
      stack.push(...missing);
      continue;
    }
    const inputs = call.map((operand) => resultOf(values.get(key(operand)), operand, at));
    values.set(own, importCall(layer, inputs, context, prefix));
    stack.pop();
  }
  return model.outputs.map((ref) => resultOf(values.get(key(ref)), ref, { file }));
}

function resultOf(results: readonly Node[] | undefined, ref: Ref, at: Location): Node {
  const node = results?.[ref.tensor];
  if (node === undefined) throw badModel(`layer ${ref.layer} has no result ${ref.tensor}`, at);
  return node;
}

function importCall(layer: Layer, inputs: readonly Node[], context: Context, prefix: string) {
  const name = prefix + layer.name;
  const at = { file: context.file, node: name };
  if (layer.model) return run(layer.model, inputs, context, `${name}/`);
  if (layer.className === 'InputLayer') throw badModel(`${name} is an input of no model`, at);
  try {
    const { className, config } = layer;
    const scopes = [[layer.name]];
    const site = siteOf({ className, name: layer.name, config, inputs, scopes }, context, prefix);
    const importer = layerOf(layer.className, context.custom)!; // what is unknown has been refused
    const made = resultsOf(importer, site);
    const list = made.map((result) => settled(result, context.house, at));
    made.forEach((result, i) => {
      const mask = site.maskOf(result);
      if (mask) site.setMask(list[i]!, mask);
    });
    passMasks(inputs, list, site);
    context.observe?.(callOf(layer.className, name, true), list);
    return list;
  } catch (error) {
    throw located(error, layer.className, at);
  }
}

/** What sequences carry along: which of their steps count. */
type Masks = Map<Node, Node>;

/** A layer, and where its weights are: each list holds the names that one part of a weight's name may have. */
interface Placed {
  readonly className: string;
  readonly name: string;
  readonly config: JsonRecord;
  readonly inputs: readonly Node[];
  readonly scopes: readonly (readonly string[])[];
}

function siteOf(placed: Placed, context: Context, prefix: string): LayerSite {
  const { className, name, config, inputs, scopes } = placed;
  const { weights, house, masks } = context;
  const room = house.room(prefix + name);
  const find = (weight: string): Node | undefined => {
    const key = findWeight(weights, prefix, scopes, weight);
    return key === undefined ? undefined : house.b.constant(weights.get(key)!, key);
  };
  return {
    ...room,
    className,
    name,
    config,
    inputs,
    input(i) {
      const operand = inputs[i];
      if (operand === undefined) throw room.bad(`${className} has no operand ${i}`);
      return operand;
    },
    maybeWeight: find,
    weight(weight) {
      const found = find(weight);
      if (found === undefined) throw room.bad(`weight ${name}/${weight} is not in weightsManifest`);
      return found;
    },
    inside: ({ names, ...part }) =>
      siteOf({ name, inputs, ...part, scopes: [...scopes, names] }, context, prefix),
    call(record, names, operands) {
      const inner = parseLayer({ name: names[0] ?? name, ...record }, room.at, scopes.length);
      if (inner.model) return run(inner.model, operands, context, `${prefix}${name}/`);
      const importer = layerOf(inner.className, context.custom);
      if (!importer) throw unsupportedOp([`${inner.className}: ${prefix}${name}`], room.at, place);
      const part = { className: inner.className, config: inner.config, inputs: operands };
      const site = siteOf({ ...part, name, scopes: [...scopes, names] }, context, prefix);
      return resultsOf(importer, site);
    },
    maskOf: (x) => masks.get(x),
    setMask: (y, mask) => void masks.set(y, mask),
  };
}

/** The name of a weight whose name has all scopes in order; without the last of them, if none has. */
function findWeight(
  weights: ReadonlyMap<string, Tensor>,
  prefix: string,
  scopes: readonly (readonly string[])[],
  weight: string,
): string | undefined {
  const [only] = scopes;
  const plain = only?.[0] ?? '';
  const exact = [`${prefix}${plain}/${weight}`, `${plain}/${weight}`];
  const found = scopes.length === 1 ? exact.find((key) => weights.has(key)) : undefined;
  if (found !== undefined) return found;
  const own = [...weights.keys()].filter((key) => {
    if (!key.endsWith(`/${weight}`)) return false;
    const path = `/${key}`;
    let from = 0;
    return scopes.every((names) => {
      const places = names.map((name) => path.indexOf(`/${name}/`, from)).filter((at) => at >= 0);
      from = Math.min(...places);
      return places.length > 0;
    });
  });
  if (own.length === 1) return own[0];
  const inPrefix = own.filter((key) => prefix !== '' && key.startsWith(prefix));
  if (inPrefix.length === 1) return inPrefix[0];
  if (own.length > 1 || scopes.length < 2) return undefined;
  return findWeight(weights, prefix, scopes.slice(0, -1), weight);
}

const resultsOf = (importer: CustomLayer, site: LayerSite): readonly Node[] => {
  const results = importer(site);
  return 'kind' in results ? [results] : results;
};

/** Masks go on with every sequence that a layer makes out of a masked one. */
function passMasks(inputs: readonly Node[], results: readonly Node[], site: LayerSite): void {
  const known = inputs.flatMap((input) => site.maskOf(input) ?? []);
  const [y] = results;
  const [mask, ...others] = known;
  if (!y || !mask || y.type.shape.length < 3 || site.maskOf(y)) return;
  if (mask.type.shape.some((extent, axis) => y.type.shape[axis] !== extent)) return;
  site.setMask(
    y,
    others.reduce((all, other) => site.b.scalar('and', all, other), mask),
  );
}
