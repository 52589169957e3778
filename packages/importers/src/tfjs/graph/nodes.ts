// The nodes of a TensorFlow graph and of the functions in its library, checked and with their operands told apart.

import type { Location } from '@espalier/ir';
import { badModel } from '../../errors.ts';
import { asList, asRecord, asText, field, isRecord, type Json, type JsonRecord } from '../json.ts';

/** A result of a node. */
export interface Ref {
  readonly node: string;
  /** The name of a result, or of a list of them, as functions write it. */
  readonly output?: string | undefined;
  /** Counts from that name on, or from the first result. */
  readonly index: number;
}

/** A call of an operator. */
export interface TfNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly Ref[];
  /** Nodes that only have to run before. */
  readonly controls: readonly string[];
  readonly attrs: JsonRecord;
}

/** Nodes by name. */
export type Nodes = ReadonlyMap<string, TfNode>;

/** A graph that others call. */
export interface TfFunction {
  readonly name: string;
  /** Names under which its nodes read what they are given. */
  readonly parameters: readonly string[];
  readonly nodes: Nodes;
  readonly results: readonly Ref[];
}

/** `name`, `name:1`, or in functions `name:output:1`. */
export function parseRef(text: string): Ref {
  const found = /^([^:]*)(?::([A-Za-z_]\w{0,99}))?:(\d{1,4})$/.exec(text);
  return found
    ? { node: found[1]!, output: found[2], index: Number(found[3]) }
    : { node: text, index: 0 };
}

/** The nodes of a list. @throws {EspalierError} BAD_MODEL */
export function parseNodes(list: Json | undefined, at: Location): Nodes {
  const nodes = new Map<string, TfNode>();
  for (const entry of asList(list, 'the list of nodes', at)) {
    const record = asRecord(entry, 'a node', at);
    const name = asText(field(record, 'name'), 'the name of a node', at);
    const here = { ...at, node: name };
    const inputs = asList(field(record, 'input') ?? [], 'the operands', here).map((input) =>
      asText(input, 'an operand', here),
    );
    if (nodes.has(name)) throw badModel(`two nodes are named ${name}`, at);
    nodes.set(name, {
      name,
      op: asText(field(record, 'op'), 'the operator', here),
      inputs: inputs.filter((input) => !input.startsWith('^')).map(parseRef),
      controls: inputs.filter((input) => input.startsWith('^')).map((input) => input.slice(1)),
      attrs: asRecord(field(record, 'attr') ?? {}, 'the attributes', here),
    });
  }
  return nodes;
}

const namesOf = (list: Json | undefined, what: string, at: Location): string[] =>
  asList(list ?? [], what, at).map((entry) =>
    asText(field(asRecord(entry, what, at), 'name'), `the name of ${what}`, at),
  );

/** The functions of a library, by name; none where there is no library. @throws {EspalierError} BAD_MODEL */
export function parseFunctions(
  library: Json | undefined,
  at: Location,
): ReadonlyMap<string, TfFunction> {
  const functions = new Map<string, TfFunction>();
  const given = isRecord(library) ? (field(library, 'function') ?? []) : [];
  for (const entry of asList(given, 'the list of functions', at)) {
    const record = asRecord(entry, 'a function', at);
    const signature = asRecord(field(record, 'signature'), 'the signature of a function', at);
    const name = asText(field(signature, 'name'), 'the name of a function', at);
    const here = { ...at, node: name };
    const ret = asRecord(field(record, 'ret') ?? {}, 'the results of a function', here);
    if (functions.has(name)) throw badModel(`two functions are named ${name}`, at);
    functions.set(name, {
      name,
      parameters: namesOf(field(signature, 'inputArg'), 'an argument', here),
      nodes: parseNodes(field(record, 'nodeDef') ?? [], here),
      results: namesOf(field(signature, 'outputArg'), 'a result', here).map((result) =>
        parseRef(asText(field(ret, result), `result ${result}`, here)),
      ),
    });
  }
  return functions;
}

/** Names of results, of operators with more than one; functions refer to them by name. */
const outputNames: Readonly<Record<string, readonly string[]>> = {
  FusedBatchNorm: ['y', 'batch_mean', 'batch_variance'],
  FusedBatchNormV2: ['y', 'batch_mean', 'batch_variance'],
  FusedBatchNormV3: ['y', 'batch_mean', 'batch_variance'],
  ListDiff: ['out', 'idx'],
  MaxPoolWithArgmax: ['output', 'argmax'],
  Merge: ['output', 'value_index'],
  NonMaxSuppressionV4: ['selected_indices', 'valid_outputs'],
  NonMaxSuppressionV5: ['selected_indices', 'selected_scores', 'valid_outputs'],
  Switch: ['output_false', 'output_true'],
  TensorArrayConcatV3: ['value', 'lengths'],
  TensorArrayV3: ['handle', 'flow'],
  TensorListConcat: ['tensor', 'lengths'],
  TensorListConcatV2: ['tensor', 'lengths'],
  TensorListPopBack: ['output_handle', 'tensor'],
  TopKV2: ['values', 'indices'],
  Unique: ['y', 'idx'],
  UniqueV2: ['y', 'idx'],
  UniqueWithCounts: ['y', 'idx', 'count'],
};

/** The place of a result among all results of its node. */
export function placeOf({ output, index }: Ref, op: string): number {
  const names = Object.hasOwn(outputNames, op) ? outputNames[op]! : [];
  return Math.max(0, output === undefined ? 0 : names.indexOf(output)) + index;
}
