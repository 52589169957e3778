// The functions of a model's library, prepared when they are first called.

import type { Location } from '@espalier/ir';
import { badModel } from '../../errors.ts';
import { type Call, callOf } from '../calls.ts';
import { asRecord, asText, field } from '../json.ts';
import { type Body, bodyOf } from './body.ts';
import { isKnown, placeholders } from './known.ts';
import type { Ref, TfFunction, TfNode } from './nodes.ts';

/** A function that can be run. */
interface Prepared {
  readonly body: Body;
  readonly parameters: readonly string[];
  readonly results: readonly Ref[];
}

/** Functions, by the attributes that name them. */
export interface Library {
  /** @throws {EspalierError} BAD_MODEL */
  named(node: TfNode, attribute: string, at: Location): Prepared;
  /** The calls in a function. */
  calls(node: TfNode, attribute: string, at: Location): Call[];
  /** The calls that some results need, those in loops and functions too; of branches only a run shows which. */
  callsFor(body: Body, roots: readonly string[], given: readonly string[]): Call[];
}

/** The attributes that name functions which run whatever the inputs are. */
const certain: Readonly<Record<string, readonly string[]>> = {
  PartitionedCall: ['f'],
  StatefulPartitionedCall: ['f'],
  StatelessWhile: ['cond', 'body'],
  While: ['cond', 'body'],
};

/** Opens a library. */
export function openLibrary(functions: ReadonlyMap<string, TfFunction>, file: string): Library {
  const ready = new Map<string, Prepared>();
  const named: Library['named'] = ({ attrs }, attribute, at) => {
    const record = asRecord(field(attrs, attribute), `attribute ${attribute}`, at);
    const func = asRecord(field(record, 'func'), `attribute ${attribute}`, at);
    const name = asText(field(func, 'name'), 'the name of a function', at);
    const found = functions.get(name);
    if (!found) throw badModel(`function ${name} is not in the library`, at);
    const { parameters, results, nodes } = found;
    const prepared = ready.get(name) ?? {
      body: bodyOf(nodes, `${name}/`, { file }),
      parameters,
      results,
    };
    ready.set(name, prepared);
    return prepared;
  };

  const collect = (
    body: Body,
    roots: readonly string[],
    given: readonly string[],
    into: Map<string, Call>,
    seen: Set<Body>,
  ) => {
    const stops = new Set(given);
    for (const node of body.order(roots, stops)) {
      const label = body.prefix + node.name;
      if (into.has(label)) continue;
      if (node.op !== 'Const' && !placeholders.includes(node.op))
        into.set(label, callOf(node.op, label, isKnown(node.op)));
      const loop = body.leaving.get(node.name)?.loop;
      if (loop) {
        const inside = [loop.enters, loop.carried.map(({ merge }) => ({ name: merge }))];
        const next = loop.carried.map((one) => one.next.node);
        const names = inside.flat().map(({ name }) => name);
        collect(body, [loop.condition, ...next], names, into, seen);
      }
      for (const attribute of Object.hasOwn(certain, node.op) ? certain[node.op]! : [])
        within(named(node, attribute, { file, node: label }), into, seen);
    }
  };
  const within = (
    { body, parameters, results }: Prepared,
    into: Map<string, Call>,
    seen: Set<Body>,
  ) => {
    if (seen.has(body)) return;
    seen.add(body);
    const roots = results.map(({ node }) => node);
    collect(body, roots, parameters, into, seen);
  };
  return {
    named,
    calls(node, attribute, at) {
      const into = new Map<string, Call>();
      within(named(node, attribute, at), into, new Set());
      return [...into.values()];
    },
    callsFor(body, roots, given) {
      const into = new Map<string, Call>();
      collect(body, roots, given, into, new Set([body]));
      return [...into.values()];
    },
  };
}
