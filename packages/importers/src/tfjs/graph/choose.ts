// Two values of which a condition chooses one while the model runs.

import { type Node, sameType, showType } from '@espalier/ir';
import type { Room } from '../../tensorflow/room.ts';
import { always, type Held, type Value } from './value.ts';

/** One of two values. @throws {EspalierError} NOT_CONSTANT, where they have different types */
export function choose(room: Room, condition: Node, yes: Value, no: Value): Value {
  if (yes.kind === 'list' || no.kind === 'list') {
    if (yes.kind !== 'list' || no.kind !== 'list' || yes.items.length !== no.items.length)
      throw room.dynamic('an input decides between lists of different lengths');
    const items = yes.items.map((item, i) => {
      const other = no.items[i];
      if (item && other) return pick(room, condition, item, other);
      if (item || other) throw room.dynamic('an input decides whether an item of a list is there');
      return undefined;
    });
    return { ...yes, items };
  }
  if (yes.kind === 'complex' || no.kind === 'complex') {
    if (yes.kind !== 'complex' || no.kind !== 'complex')
      throw room.dynamic('an input decides between real and complex numbers');
    const part = (name: 're' | 'im') => pick(room, condition, yes[name], no[name]);
    return { kind: 'complex', re: part('re'), im: part('im') };
  }
  return pick(room, condition, yes, no);
}

function pick(room: Room, condition: Node, yes: Node, no: Node): Node {
  const { b } = room;
  if (yes === no) return yes;
  if (!sameType(yes.type, no.type))
    throw room.dynamic(
      `an input decides between ${showType(yes.type)} and ${showType(no.type)}; ` +
        'give that input a constant value with ?input=',
    );
  return b.scalar('select', b.reshape(condition, { shape: [] }), yes, no);
}

/**
 * What branches come together to: the only one that is taken, or a choice where running decides.
 *
 * @returns `undefined`, where none is taken; else the value and the place of its operand.
 */
export function merged(
  room: Room,
  operands: readonly (Held | undefined)[],
): readonly [Held, Held] | undefined {
  const taken = operands.flatMap((held, place) =>
    held ? [{ held, place: { value: room.b.value(place, 'i32'), guards: always } }] : [],
  );
  const [first, ...others] = taken;
  if (!first) return undefined;
  const [value, place] = others.reduce(
    ([value, place], other): [Held, Held] => {
      const condition = [...value.guards.keys()].find(
        (node) => other.held.guards.get(node) === !value.guards.get(node),
      );
      // Without a condition between them both are the same, or the first to come would win.
      if (!condition) return [value, place];
      const yes = value.guards.get(condition) === true;
      const guards = new Map(
        [...value.guards].filter(([node, side]) => other.held.guards.get(node) === side),
      );
      const one = (a: Held, c: Held): Held => ({
        value: choose(room, condition, yes ? a.value : c.value, yes ? c.value : a.value),
        guards,
      });
      return [one(value, other.held), one(place, other.place)];
    },
    [first.held, first.place] as [Held, Held],
  );
  return [value, place];
}
