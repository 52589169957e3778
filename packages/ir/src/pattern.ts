// Patterns say what a rule rewrites: `p.batchNorm([p.once(p.conv(p.any('x'), …)), …])`.

import { assert } from './errors.ts';
import type { Node, OpNode } from './node.ts';
import { type ArityOf, type AttrsOf, type OpName, ops } from './ops/index.ts';
import type { Arity, Operands } from './ops/op.ts';
import { plain, type ScalarName, showScalar } from './ops/scalar.ts';
import type { Tensor } from './types.ts';

/** What a node has to look like, and the names under which a rule asks for what was found. */
export type Pattern =
  | { readonly kind: 'any'; readonly name: string }
  | { readonly kind: 'constant'; readonly name: string }
  | { readonly kind: 'once'; readonly inner: Pattern }
  | { readonly kind: 'op'; readonly op: OpName; readonly inputs: readonly Pattern[] }
  | { readonly kind: 'scalar'; readonly fn: ScalarName; readonly inputs: readonly Pattern[] };

type OpPatterns = {
  readonly [K in OpName]: ArityOf<K> extends 'many'
    ? (inputs: readonly Pattern[]) => Pattern
    : (...inputs: Operands<ArityOf<K>, Pattern>) => Pattern;
};

interface CorePatterns {
  /** Any node. The same name twice asks for the same node. */
  any(name: string): Pattern;
  /** Any constant. */
  constant(name: string): Pattern;
  /** What `inner` matches, if one operand and no output reads it: rewriting then loses nothing. */
  once(inner: Pattern): Pattern;
  /** A `map` of this one function, in either order of operands where the function commutes. */
  scalar(fn: ScalarName, ...inputs: readonly Pattern[]): Pattern;
}

const opPatterns = Object.keys(ops).map((key) => {
  const op = key as OpName; // a key of the table
  const { arity }: { readonly arity: Arity } = ops[op];
  const make = (...args: readonly unknown[]): Pattern => ({
    kind: 'op',
    op,
    inputs: (arity === 'many' ? args[0] : args) as readonly Pattern[],
  });
  return [op, make];
});

/**
 * The constructors of patterns: one for each op, by its operands. They match nodes without an
 * epilogue, which a rule would otherwise lose.
 */
export const p: OpPatterns & CorePatterns = {
  ...(Object.fromEntries(opPatterns) as OpPatterns), // made from the table that types it
  any: (name) => ({ kind: 'any', name }),
  constant: (name) => ({ kind: 'constant', name }),
  once: (inner) => ({ kind: 'once', inner }),
  scalar: (fn, ...inputs) => ({ kind: 'scalar', fn, inputs }),
};

/** What a pattern found. Asking for a name that the pattern does not have is a bug in the rule. */
export interface Match {
  readonly root: OpNode;
  /** The node that a name stands for. */
  node(name: string): Node;
  /** The values of constants, in the order of the names. */
  tensors<K extends readonly string[]>(...names: K): { readonly [I in keyof K]: Tensor };
  /** The outermost matched node of an op. */
  op(op: OpName): OpNode;
  /** The attributes of the outermost matched node of an op. */
  attrs<K extends OpName>(op: K): AttrsOf<K>;
  /** Every node that an op pattern matched, outermost first. */
  readonly matched: readonly OpNode[];
}

interface Found {
  readonly names: ReadonlyMap<string, Node>;
  readonly matched: readonly OpNode[];
}

const commutes: ReadonlySet<ScalarName> = new Set<ScalarName>(
  // biome-ignore format: a list of names
  ['add', 'mul', 'max', 'min', 'eq', 'ne', 'and', 'or', 'xor'],
);

/** Matches a pattern at a node. `uses` are those of the graph, for `once`. */
export function match(
  pattern: Pattern,
  node: Node,
  uses: ReadonlyMap<Node, number>,
): Match | undefined {
  if (node.kind !== 'op') return undefined;
  const found = find(pattern, node, uses, { names: new Map(), matched: [] });
  return found && matchOf(node, found);
}

function find(
  pattern: Pattern,
  node: Node,
  uses: ReadonlyMap<Node, number>,
  before: Found,
): Found | undefined {
  if (pattern.kind === 'once')
    return uses.get(node) === 1 ? find(pattern.inner, node, uses, before) : undefined;
  if (pattern.kind === 'any' || pattern.kind === 'constant') {
    if (pattern.kind === 'constant' && node.kind !== 'constant') return undefined;
    const known = before.names.get(pattern.name);
    if (known) return known === node ? before : undefined;
    return { ...before, names: new Map(before.names).set(pattern.name, node) };
  }
  const op = pattern.kind === 'scalar' ? 'map' : pattern.op;
  if (node.kind !== 'op' || node.op !== op || node.epilogue) return undefined;
  const own = { ...before, matched: [...before.matched, node] };
  if (pattern.kind === 'op') return findAll(pattern.inputs, node.inputs, uses, own);
  const { expr } = node.attrs as AttrsOf<'map'>; // its op says so
  if (showScalar(expr) !== showScalar(plain(pattern.fn))) return undefined;
  const swapped = commutes.has(pattern.fn) ? [...pattern.inputs].reverse() : undefined;
  return (
    findAll(pattern.inputs, node.inputs, uses, own) ??
    (swapped && findAll(swapped, node.inputs, uses, own))
  );
}

function findAll(
  patterns: readonly Pattern[],
  nodes: readonly Node[],
  uses: ReadonlyMap<Node, number>,
  before: Found,
): Found | undefined {
  if (patterns.length !== nodes.length) return undefined;
  let found: Found | undefined = before;
  for (let i = 0; i < patterns.length && found; i++)
    found = find(patterns[i]!, nodes[i]!, uses, found);
  return found;
}

function matchOf(root: OpNode, { names, matched }: Found): Match {
  const node = (name: string): Node => {
    const named = names.get(name);
    assert(named, `the pattern names ${name}`);
    return named;
  };
  const value = (name: string): Tensor => {
    const named = node(name);
    assert(named.kind === 'constant', `the pattern says that ${name} is a constant`);
    return named.value;
  };
  const op = (name: OpName): OpNode => {
    const first = matched.find((candidate) => candidate.op === name);
    assert(first, `the pattern has a ${name}`);
    return first;
  };
  return {
    root,
    matched,
    node,
    op,
    attrs: <K extends OpName>(name: K) => op(name).attrs as AttrsOf<K>, // its op says so
    tensors: <K extends readonly string[]>(...wanted: K) =>
      wanted.map(value) as { readonly [I in keyof K]: Tensor }, // as long as the names
  };
}
