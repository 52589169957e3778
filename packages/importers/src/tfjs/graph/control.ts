// Branches, loops and calls whose course is known at import: the graph has none of them, so they are written out.

import type { Node } from '@espalier/ir';
import { choose } from './choose.ts';
import { type GraphOperator, type GraphOperators, type GraphSite, plain } from './site.ts';
import { type Held, isTensor, type Results, together } from './value.ts';

/** The most rounds of a loop: each becomes nodes of its own. */
export const mostRounds = 10_000;

/** Whether a condition holds; `undefined` where it depends on an input. */
export function truth(site: Pick<GraphSite, 'known'>, condition: Node): boolean | undefined {
  const value = site.known(condition);
  return value === undefined ? undefined : (value.data[0] ?? 0) !== 0;
}

/** Whether a loop goes on, which has to be known. @throws {EspalierError} NOT_CONSTANT, BAD_MODEL */
export function goesOn(
  site: Pick<GraphSite, 'known' | 'dynamic' | 'bad'>,
  held: Held | undefined,
): boolean {
  if (held === undefined || !isTensor(held.value))
    throw site.bad('the condition of a loop is no tensor');
  const on = truth(site, held.value);
  if (on === undefined)
    throw site.dynamic(
      'how often the loop runs depends on an input; ?input= gives an input a constant value',
    );
  return on;
}

/** A value goes to one of two branches: `[if false, if true]`. */
const branch: GraphOperator = (site) => {
  const condition = site.tensor(1);
  const guards = together(site.held);
  const held = { value: site.held[0]!.value, guards }; // a second operand has a first
  const known = truth(site, condition);
  if (known !== undefined) return known ? [undefined, held] : [held, undefined];
  return [false, true].map((side) => ({
    value: held.value,
    guards: new Map([...guards, [condition, side]]),
  }));
};

/** One of two functions where the condition is known; otherwise both, of which each run takes one. */
const conditional: GraphOperator = (site) => {
  const condition = site.tensor(0);
  const operands = site.held.slice(1);
  const known = truth(site, condition);
  if (known !== undefined) return site.call(known ? 'then_branch' : 'else_branch', operands);
  const [yes, no] = ['then_branch', 'else_branch'].map((name) => site.call(name, operands));
  return yes!.map((held, i) => {
    const other = no![i];
    if (!other) throw site.bad('its branches differ in their results');
    const value = choose(site, condition, held.value, other.value);
    return { value, guards: together([held, other]) };
  });
};

/** Rounds of a function, as long as another one says so. */
const loop: GraphOperator = (site) => {
  let carried: readonly Held[] = site.held;
  for (let round = 0; ; round++) {
    const [condition] = site.call('cond', carried);
    if (!goesOn(site, condition)) return carried;
    if (round >= mostRounds) throw site.unsupported(`a loop of more than ${mostRounds} rounds`);
    const next: readonly Held[] = site.call('body', carried);
    if (next.length !== carried.length) throw site.bad('its body gives another number of values');
    // What comes back unchanged would come back for ever.
    if (next.every(({ value }, i) => value === carried[i]!.value))
      throw site.unsupported('a loop without end');
    carried = next;
  }
};

const pass: GraphOperator = plain((site) => site.held.map(({ value }) => value));

/** TF.js leaves values as they are where training simulated eight bits. */
const first: GraphOperator = plain((site) => [site.tensor(0)]);

const call: GraphOperator = (site): Results => site.call('f', site.held);

/** What is the same for tensors and lists. */
const passing = [
  'Enter',
  'Identity',
  'IdentityN',
  'LoopCond',
  'NextIteration',
  'PlaceholderWithDefault',
] as const;

/** Branches, loops and calls, by name. Values leave loops, and branches meet, where the nodes are run. */
export const control: GraphOperators = {
  ...Object.fromEntries(passing.map((name) => [name, pass])),
  FakeQuantWithMinMaxVars: first,
  If: conditional,
  PartitionedCall: call,
  StatefulPartitionedCall: call,
  StatelessIf: conditional,
  StatelessWhile: loop,
  Switch: branch,
  While: loop,
};
