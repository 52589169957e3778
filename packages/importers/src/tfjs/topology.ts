// Keras' topology, Sequential or Functional, as a description: layers, their calls, models within models.

import type { Location } from '@espalier/ir';
import { badModel } from '../errors.ts';
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

/** One result of one call of a layer. */
export interface Ref {
  readonly layer: string;
  readonly call: number;
  readonly tensor: number;
}

/** A layer, or a model in a model. */
export interface Layer {
  readonly className: string;
  readonly name: string;
  readonly config: JsonRecord;
  /** The operands of each call. */
  readonly calls: readonly (readonly Ref[])[];
  /** The model that it is, if it is one. */
  readonly model?: Model;
}

/** Layers, and which of their results go in and out. */
export interface Model {
  readonly layers: ReadonlyMap<string, Layer>;
  readonly inputs: readonly Ref[];
  readonly outputs: readonly Ref[];
}

/** Models within models go no deeper. */
const mostDepth = 16;

const containers = ['Functional', 'Model', 'Sequential'];

/** The model of a record of class and configuration. @throws {EspalierError} BAD_MODEL */
export function parseModel(record: JsonRecord, at: Location, depth: number): Model {
  if (depth > mostDepth) throw badModel(`models lie ${depth} deep in each other`, at);
  const className = asText(field(record, 'class_name'), 'class_name', at);
  if (!containers.includes(className)) throw badModel(`a model of class ${className}`, at);
  const config = field(record, 'config');
  return className === 'Sequential'
    ? parseSequential(config, at, depth)
    : parseFunctional(asRecord(config, 'config', at), at, depth);
}

/** A layer of a record of class and configuration. @throws {EspalierError} BAD_MODEL */
export function parseLayer(value: Json, at: Location, depth: number): Layer {
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
