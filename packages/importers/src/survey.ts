// What becomes of every operator of a model: compiled, made of others, computed at import, or refused.

import { EspalierError, type Graph, type Node, operands, primitives } from '@espalier/ir';

/** One operator at one place of a model. */
export interface Call {
  readonly op: string;
  /** Whose operator it is; empty for the format's own. */
  readonly domain: string;
  /** The version of its rules, where the format has versions. */
  readonly opset?: number | undefined;
  /** Names the place; no two calls have one label. */
  readonly label: string;
}

/** All calls of one operator, by one version of its rules. */
export interface OperatorUse {
  readonly operator: string;
  /** Empty for the format's own. */
  readonly domain: string;
  /** The version of its rules: ONNX's operator set, the operator's own version in TFLite, none in TF.js. */
  readonly opset?: number | undefined;
  readonly count: number;
  /**
   * `compiled` by the kernel of one op, `decomposed` into several, `known` at import so that nothing is left to
   * compute, `refused`, or `waiting` behind what is refused.
   */
  readonly fate: 'compiled' | 'decomposed' | 'known' | 'refused' | 'waiting';
  /** The graph's ops that it becomes, sorted. */
  readonly becomes: readonly string[];
  /** Why it is refused, and what to do. */
  readonly why?: string;
  readonly hint?: string;
  /** Names of the nodes that are refused. */
  readonly nodes?: readonly string[];
}

/** What importing a model would do. */
export interface Survey {
  readonly operators: readonly OperatorUse[];
  /** The graph, if nothing is refused. */
  readonly graph: Graph | undefined;
}

interface Tally {
  readonly call: Call;
  count: number;
  readonly becomes: Set<string>;
  /** Whether one call became several nodes. */
  several: boolean;
  imported: boolean;
  refusal?: Pick<OperatorUse, 'why' | 'hint' | 'nodes'>;
}

const keyOf = ({ domain, op, opset }: Call) => `${domain} ${op} ${opset}`;

/** Is told of every call that has been imported, and the nodes that it has become. */
export type Observe<C extends Call> = (call: C, results: readonly Node[]) => void;

/** A model that can be surveyed. */
export interface Surveyed<C extends Call> {
  readonly calls: readonly C[];
  /** Calls of operators without an importer, by operator. */
  unknown(calls: readonly C[]): Iterable<readonly C[]>;
  /** Imports the model; tells of every call that has been imported, and the nodes that it has become. */
  import(observe: Observe<C>): Graph;
}

/**
 * Surveys a model. What the operators refuse is part of the answer; a file that cannot be read is not.
 *
 * @throws {EspalierError} as importing does, where no operator is to blame
 */
export function survey<C extends Call>(model: Surveyed<C>): Survey {
  const { calls } = model;
  const tallies = new Map<string, Tally>();
  const tallyOf = (call: Call): Tally => {
    const key = keyOf(call);
    const known = tallies.get(key) ?? {
      call,
      count: 0,
      becomes: new Set(),
      several: false,
      imported: false,
    };
    tallies.set(key, known);
    return known;
  };
  const seen = new Set<Node>();
  const observed = new Set<string>();
  const observe = (call: Call, results: readonly Node[]) => {
    const tally = tallyOf(call);
    tally.count++;
    tally.imported = true;
    observed.add(call.label);
    const made = newOps(results, seen);
    if (made.length > 1) tally.several = true;
    for (const op of made) tally.becomes.add(op);
  };
  /** What has not been reached is counted as the file has it. */
  const countRest = () => {
    for (const call of calls) if (!observed.has(call.label)) tallyOf(call).count++;
  };

  try {
    const graph = model.import(observe);
    return { operators: rowsOf(tallies), graph };
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error;
    const { hint } = error;
    const unknown = [...model.unknown(calls)];
    countRest();
    for (const uses of unknown) {
      const tally = tallyOf(uses[0]!);
      const nodes = uses.map(({ label }) => label);
      tally.count ||= uses.length;
      tally.refusal = { why: 'it has no importer', nodes, ...(hint && { hint }) };
    }
    const blamed = calls.find(({ label }) => label === error.at?.node);
    if (unknown.length === 0 && blamed === undefined) throw error;
    if (blamed)
      tallyOf(blamed).refusal = {
        why: error.message,
        nodes: [blamed.label],
        ...(hint && { hint }),
      };
    return { operators: rowsOf(tallies), graph: undefined };
  }
}

/** Names of the ops in nodes that no earlier call has made. */
function newOps(results: readonly Node[], seen: Set<Node>): string[] {
  const ops: string[] = [];
  const stack = [...results];
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    if (node.kind === 'op') ops.push(node.op);
    stack.push(...operands(node));
  }
  return ops;
}

const rowsOf = (tallies: ReadonlyMap<string, Tally>): OperatorUse[] =>
  [...tallies.values()]
    .map(({ call, count, becomes, several, imported, refusal }): OperatorUse => {
      const made = [...becomes].sort();
      const alone = made.every((op) => op in primitives) && !several;
      const fate = made.length === 0 ? 'known' : alone ? 'compiled' : 'decomposed';
      return {
        operator: call.op,
        domain: call.domain,
        ...(call.opset !== undefined && { opset: call.opset }),
        count,
        fate: refusal ? 'refused' : imported ? fate : 'waiting',
        becomes: made,
        ...refusal,
      };
    })
    .sort((a, b) => compare(a.domain, b.domain) || compare(a.operator, b.operator));

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
