// A layers model: the calls of its layers, in the order that its outputs need.

import type { Location, Node, Output, Tensor } from '@espalier/ir';
import { badModel, noOutput, unsupportedOp } from '../errors.ts';
import type { Observe } from '../survey.ts';
import type { DeclaredInput } from '../tensorflow/inputs.ts';
import type { House } from '../tensorflow/room.ts';
import { located, settled } from '../tensorflow/settle.ts';
import { type Call, type CallPlan, callOf } from './calls.ts';
import { findWeight } from './find-weight.ts';
import { asList, asRecord, asWhole, field, type JsonRecord } from './json.ts';
import { layerOf } from './layers/index.ts';
import type { CustomLayer, CustomLayers, LayerSite } from './layers/layer.ts';
import type { TfjsModel } from './read.ts';
import { type Layer, type Model, parseLayer, parseModel, type Ref } from './topology.ts';

/** Where an importer that is missing would go. */
const place = 'packages/importers/src/tfjs/layers or the option customLayers';

/**
 * What a layers model takes and gives, and how.
 *
 * @throws {EspalierError} BAD_MODEL, NO_OUTPUT
 */
export function planLayersModel(
  { topology, weights }: TfjsModel,
  {
    file,
    custom,
    outputs,
    observe,
  }: {
    readonly file: string;
    readonly custom: CustomLayers;
    /** Names of layers, in place of the model's own outputs. */
    readonly outputs?: readonly string[] | undefined;
    readonly observe?: Observe<Call> | undefined;
  },
): CallPlan {
  const at: Location = { file };
  const root = asRecord(field(topology, 'model_config') ?? topology, 'model_config', at);
  const whole = parseModel(root, at, 0);
  const model = outputs ? endingIn(whole, outputs, at) : whole;
  const inputs = model.inputs.map(({ layer }) => declared(model.layers.get(layer)!, at));
  return {
    inputs,
    calls: callsOf(model, custom, ''),
    place,
    build(house, ports) {
      const operands = inputs.map(({ name }) => ports.get(name)!);
      const context = { weights, custom, house, file, observe, masks: new Map<Node, Node>() };
      const results = run(model, operands, context, '');
      const names = model.outputs.map(({ layer }) => layer);
      return names.map((layer, i): Output => {
        const alone = names.indexOf(layer) === names.lastIndexOf(layer);
        const before = names.slice(0, i).filter((other) => other === layer).length;
        return { name: alone ? layer : `${layer}:${before}`, node: results[i]! };
      });
    },
  };
}

/** The model with the first results of layers as outputs, and only the layers that they need. */
function endingIn(model: Model, names: readonly string[], at: Location): Model {
  const outputs = names.map((layer): Ref => {
    if (model.layers.has(layer)) return { layer, call: 0, tensor: 0 };
    throw noOutput(
      layer,
      model.outputs.map((ref) => ref.layer),
      at,
    );
  });
  const needed = new Set(names);
  for (const name of needed)
    for (const { layer } of model.layers.get(name)?.calls.flat() ?? []) needed.add(layer);
  const layers = new Map([...model.layers].filter(([name]) => needed.has(name)));
  const inputs = model.inputs.filter(({ layer }) => needed.has(layer));
  return { layers, inputs, outputs };
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

/** What sequences carry along: which of their steps count. */
type Masks = Map<Node, Node>;

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
