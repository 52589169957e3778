// One operator's results: of codes where that is exact, else of what they stand for, rounded to codes again.

import type { Node } from '@espalier/ir';
import { cast } from '../tensorflow/ops/elementwise.ts';
import type { House, Room } from '../tensorflow/room.ts';
import { settled } from '../tensorflow/settle.ts';
import { activations } from './activations.ts';
import { elementOf } from './elements.ts';
import type { Operator, Site, Value } from './operator.ts';
import { operatorOf } from './ops/index.ts';
import { attributesOf } from './options.ts';
import { type Quantization, sameQuantization } from './quantization.ts';
import type { DeclaredOperator, DeclaredTensor } from './read.ts';
import { quantised, quantizationOf, real } from './values.ts';

/** The value of a tensor by its index; `undefined` if nothing has defined it. */
type Find = (index: number) => Value | undefined;

/** @throws {EspalierError} BAD_MODEL, UNSUPPORTED_USE, UNSUPPORTED_TYPE, NOT_CONSTANT, MODEL_TOO_LARGE */
export function importOperator(
  operator: DeclaredOperator,
  tensors: readonly DeclaredTensor[],
  find: Find,
  house: House,
): Value[] {
  const record = operatorOf(operator.op, operator.custom)!; // `refuseUnknown` has seen to it
  const room = house.room(operator.label);
  const declared = operator.outputs.map((index) => tensors[index]);
  const quantization = declared.map((tensor) => tensor && quantizationOf(tensor, room.at));
  const known = new Map<number, Value>();
  const value = (i: number): Value | undefined => {
    const index = operator.inputs[i] ?? -1;
    if (index < 0) return undefined;
    const found = known.get(i) ?? find(index);
    if (found === undefined)
      throw room.bad(`${operator.op} reads tensor ${tensors[index]!.name}, which nothing computes`);
    known.set(i, found);
    return found;
  };
  const own = { operator, record, room, value, declared };
  const settle = (node: Node) => settled(node, house, room.at);

  if (record.codes && quantization[0]?.scales.length === 1 && value(0)?.quantization) {
    const codes = record.codes(siteOf(own, real));
    if (codes) return [{ node: settle(codes), quantization: quantization[0] }];
  }
  const list = (results: Node | readonly Node[]) => ('kind' in results ? [results] : results);
  const site = siteOf(own, real);
  const kind = site.attributes.int('activation', 0);
  const activate = activations[kind];
  if (activate === undefined) throw room.unsupported(`activation ${kind}`);
  const all = [...operator.inputs.map((_, i) => value(i)?.quantization), ...quantization];
  if (record.moves && !activate.expr && agree(all)) {
    const results = list(record.import(siteOf(own, (_, { node }) => node)));
    return results.map((node, i) => ({ node: settle(node), quantization: quantization[i] }));
  }
  return list(record.import(site)).map((node, i): Value => {
    const result = activate.expr ? room.b.map([node], { expr: activate.expr }) : node;
    const [tensor, by] = [declared[i], quantization[i]];
    if (tensor === undefined) return { node: settle(result), quantization: undefined };
    if (by)
      return {
        node: settle(quantised(room, cast(room, result, 'f32'), tensor, by)),
        quantization: by,
      };
    const { dtype } = elementOf(tensor, room.at);
    return {
      node: settle(dtype === 'u8' ? result : cast(room, result, dtype)),
      quantization: undefined,
    };
  });
}

/** Whether all that are quantised at all are quantised in the same way. */
function agree(all: readonly (Quantization | undefined)[]): boolean {
  const given = all.filter((one) => one !== undefined);
  return given.length > 0 && given.every((one) => sameQuantization(one, given[0]!));
}

interface Own {
  readonly operator: DeclaredOperator;
  readonly record: Operator;
  readonly room: Room;
  readonly value: (i: number) => Value | undefined;
  readonly declared: readonly (DeclaredTensor | undefined)[];
}

/** The place of an operator; `see` says what importers see of a value. */
function siteOf(
  { operator, record, room, value, declared }: Own,
  see: (room: Room, value: Value) => Node,
): Site {
  const seen = new Map<number, Node>();
  const optional = (i: number): Node | undefined => {
    const own = value(i);
    const node = seen.get(i) ?? (own && see(room, own));
    if (node) seen.set(i, node);
    return node;
  };
  const input = (i: number): Node => {
    const node = optional(i);
    if (node === undefined) throw room.bad(`${operator.op} has no operand ${i}`);
    return node;
  };
  return {
    ...room,
    attributes: attributesOf(operator, record.options, room.at),
    get inputs() {
      return operator.inputs.map((_, i) => input(i));
    },
    input,
    optional,
    value,
    numbers(i) {
      const found = room.known(input(i));
      if (found === undefined)
        throw room.dynamic(`operand ${i} of ${operator.op} is known only when the model runs`);
      return Array.from(found.data);
    },
    result(i) {
      const tensor = declared[i];
      if (tensor === undefined) throw room.bad(`${operator.op} has no result ${i}`);
      return tensor;
    },
    customOptions: operator.customOptions ?? new Uint8Array(0),
  };
}
