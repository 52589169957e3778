// Runs the nodes of a graph model at import: each becomes nodes of the graph, or decides which others do.

import type { Location, Node } from '@espalier/ir';
import { badModel, modelTooLarge } from '../../errors.ts';
import type { Observe } from '../../survey.ts';
import { operatorOf } from '../../tensorflow/ops/index.ts';
import type { Site } from '../../tensorflow/ops/operator.ts';
import type { House } from '../../tensorflow/room.ts';
import { located, settled } from '../../tensorflow/settle.ts';
import { attributesOf } from '../attributes.ts';
import { type Call, callOf } from '../calls.ts';
import type { TfjsModel } from '../read.ts';
import type { Body } from './body.ts';
import { merged } from './choose.ts';
import { goesOn, mostRounds } from './control.ts';
import { graphOperatorOf } from './known.ts';
import type { Library } from './library.ts';
import type { Loop } from './loops.ts';
import { placeOf, type Ref, type TfNode } from './nodes.ts';
import type { GraphSite } from './site.ts';
import { always, type Held, isTensor, type Results, together } from './value.ts';

/** What running needs. */
export interface Setting {
  readonly model: TfjsModel;
  readonly library: Library;
  readonly house: House;
  readonly file: string;
  readonly observe: Observe<Call> | undefined;
  /** Looks at calls before they are made. @throws {EspalierError} UNSUPPORTED_OP */
  check(calls: readonly Call[]): void;
}

const limits = { calls: 50_000, nesting: 16 };

/** Values so far of one body, and the loops in it that have run. */
interface Frame {
  readonly body: Body;
  readonly values: Map<string, Results>;
  readonly loops: Map<Loop, ReadonlyMap<string, Held> | undefined>;
  readonly depth: number;
}

/** What the names of a call stand for in messages. */
export const labelOf = ({ prefix }: Body, { name }: TfNode): string => prefix + name;

/** Runs what some results need. Nodes that are given have their values already. */
export function createRun({ model, library, house, file, observe, check }: Setting) {
  const constants = new Map<string, readonly Held[]>();
  const orders = new Map<object, Map<string, readonly TfNode[]>>();
  let calls = 0;

  const placed = (node: TfNode, body: Body): Location => ({ file, node: labelOf(body, node) });

  const resultOf = ({ values, body }: Frame, ref: Ref, at: Location): Held | undefined => {
    const results = values.get(ref.node);
    const place = placeOf(ref, body.nodes.get(ref.node)?.op ?? '');
    if (results === undefined || (place >= results.length && results !== skipped))
      throw badModel(`node ${ref.node} has no result ${place}`, at);
    return results[place];
  };

  /** Runs what `roots` need, in an order that is found once for every key. */
  const execute = (frame: Frame, roots: readonly string[], key: object) => {
    const known = orders.get(key) ?? new Map<string, readonly TfNode[]>();
    orders.set(key, known);
    const name = roots.join('\u001f');
    const given = new Set(frame.values.keys());
    const order = known.get(name) ?? frame.body.order(roots, given);
    known.set(name, order);
    for (const node of order)
      if (!frame.values.has(node.name)) frame.values.set(node.name, importNode(node, frame));
  };

  const constantOf = (name: string, at: Location): readonly Held[] => {
    const tensor = model.weights.get(name);
    if (tensor === undefined) throw badModel(`constant ${name} is not in weightsManifest`, at);
    const held = constants.get(name) ?? [{ value: house.b.constant(tensor, name), guards: always }];
    constants.set(name, held);
    return held;
  };

  const importNode = (node: TfNode, frame: Frame): Results => {
    const { body } = frame;
    const at = placed(node, body);
    const branches = body.branches(node).map((name) => frame.values.get(name)?.[0]);
    const own = branches.filter((held) => held !== undefined);
    if (own.length < branches.length) return skipped;
    if (node.op === 'Const') return guarded(constantOf(node.name, at), own);
    if (++calls > limits.calls)
      throw modelTooLarge(`the model has more than ${limits.calls} calls, loops written out`, at);
    try {
      const leaving = body.leaving.get(node.name);
      if (leaving) {
        const held = loopIn(frame, leaving.loop, at)?.get(leaving.merge);
        return held ? [held] : skipped;
      }
      const operands = node.inputs.map((ref) => resultOf(frame, ref, at));
      if (node.op === 'Merge') return merged(house.room(at.node!), operands) ?? skipped;
      const held = operands.filter((operand) => operand !== undefined);
      if (held.length < operands.length) return skipped;
      const results = called(node, frame, guarded(held, own), at);
      const made = results.flatMap((one) => (one && isTensor(one.value) ? [one.value] : []));
      observe?.(callOf(node.op, labelOf(body, node), true), made);
      return results;
    } catch (error) {
      throw located(error, node.op, at);
    }
  };

  const called = (node: TfNode, frame: Frame, held: readonly Held[], at: Location): Results => {
    const room = house.room(at.node!);
    const attributes = attributesOf(node.attrs, at);
    const finished = (value: Node) => settled(value, house, at);
    const tensor = (i: number): Node => {
      const operand = held[i]?.value;
      if (operand === undefined) throw room.bad(`${node.op} has no operand ${i}`);
      if (!isTensor(operand)) throw room.unsupported(`${node.op} of what is ${operand.kind}`);
      return operand;
    };
    const numbers = (i: number): number[] => {
      const value = room.known(tensor(i));
      if (value === undefined)
        throw room.dynamic(`operand ${i} of ${node.op} is known only when the model runs`);
      return Array.from(value.data);
    };
    const onGraph = graphOperatorOf(node.op);
    if (onGraph) {
      const site: GraphSite = {
        ...room,
        attributes,
        held,
        tensor,
        numbers,
        list(i) {
          const operand = held[i]?.value;
          if (operand?.kind !== 'list') throw room.bad(`operand ${i} of ${node.op} is no list`);
          return operand;
        },
        call: (attribute, operands) => callIn(frame, node, attribute, operands, at),
      };
      return onGraph(site).map((one) =>
        one && isTensor(one.value) ? { ...one, value: finished(one.value) } : one,
      );
    }
    const site: Site = {
      ...room,
      attributes,
      inputs: held.map((_, i) => tensor(i)),
      input: tensor,
      numbers,
    };
    const operator = operatorOf(node.op);
    if (!operator) throw badModel(`${node.op} stands where a value from outside would`, at);
    const results = operator(site);
    const guards = together(held);
    const list = 'kind' in results ? [results] : results;
    return list.map((value) => ({ value: finished(value), guards }));
  };

  /** The values of a loop behind its last round, by the nodes that stand for them; `undefined` if it is not reached. */
  const loopIn = (frame: Frame, loop: Loop, at: Location) => {
    if (!frame.loops.has(loop)) frame.loops.set(loop, rounds(frame, loop, at));
    return frame.loops.get(loop);
  };

  const rounds = (frame: Frame, loop: Loop, at: Location): Map<string, Held> | undefined => {
    const room = house.room(at.node!);
    if (frame.depth >= limits.nesting) throw room.unsupported('loops within loops, very deep');
    const entered = new Map<string, Results>();
    for (const { name, value } of loop.enters) {
      const held = resultOf(frame, value, at);
      if (held === undefined) return undefined;
      entered.set(name, [held]);
    }
    let carried = new Map(
      loop.carried.map(({ merge, enter }) => [merge, entered.get(enter)![0]!] as const), // an enter of this loop
    );
    for (let round = 0; ; round++) {
      const one: Frame = {
        body: frame.body,
        values: new Map<string, Results>([
          ...entered,
          ...[...carried].map(([merge, held]) => {
            const index = { value: room.b.value(Math.min(round, 1), 'i32'), guards: always };
            return [merge, [held, index]] as const;
          }),
        ]),
        loops: new Map(),
        depth: frame.depth + 1,
      };
      execute(one, [loop.condition], loop);
      if (!goesOn(room, one.values.get(loop.condition)?.[0])) return carried;
      if (round >= mostRounds) throw room.unsupported(`a loop of more than ${mostRounds} rounds`);
      const nexts = loop.carried.map(({ next }) => next);
      execute(
        one,
        nexts.map(({ node }) => node),
        loop,
      );
      const values = loop.carried.map(({ merge, next }) => {
        const held = resultOf(one, next, at);
        if (held === undefined) throw room.bad('a value of the loop is on a branch not taken');
        return [merge, held] as const;
      });
      if (values.every(([merge, { value }]) => value === carried.get(merge)!.value))
        throw room.unsupported('a loop without end');
      carried = new Map(values);
    }
  };

  const callIn = (
    frame: Frame,
    node: TfNode,
    attribute: string,
    operands: readonly Held[],
    at: Location,
  ): readonly Held[] => {
    const { body, parameters, results } = library.named(node, attribute, at);
    if (frame.depth >= limits.nesting) throw badModel('functions call each other very deep', at);
    if (operands.length < parameters.length)
      throw badModel(`${body.prefix} takes ${parameters.length} operands`, at);
    const inner: Frame = {
      body,
      values: new Map(parameters.map((name, i) => [name, [operands[i]!]])),
      loops: new Map(),
      depth: frame.depth + 1,
    };
    if (!orders.has(body)) check(library.calls(node, attribute, at));
    execute(
      inner,
      results.map((ref) => ref.node),
      body,
    );
    return results.map((ref) => {
      const held = resultOf(inner, ref, at);
      if (held === undefined) throw badModel(`a result of ${body.prefix} is not computed`, at);
      return held;
    });
  };

  return {
    /** The results that `refs` name, over the values of placeholders. */
    run(body: Body, refs: readonly Ref[], given: ReadonlyMap<string, Results>): Held[] {
      const frame: Frame = { body, values: new Map(given), loops: new Map(), depth: 0 };
      const at = { file };
      execute(
        frame,
        refs.map(({ node }) => node),
        body,
      );
      return refs.map((ref) => {
        const held = resultOf(frame, ref, at);
        if (held === undefined)
          throw badModel(`output ${ref.node} is on a branch that is not taken`, at);
        return held;
      });
    },
  };
}

/** The results of a node on a branch that is not taken. */
const skipped: Results = [];

/** Values on a branch: they count where the branch is taken. */
const guarded = (held: readonly Held[], branches: readonly Held[]): readonly Held[] => {
  if (branches.length === 0) return held;
  const guards = together([...held, ...branches]);
  return held.map(({ value }) => ({ value, guards }));
};
