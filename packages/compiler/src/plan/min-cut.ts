// The cheapest way to give every node one of two labels, where neighbours of different labels cost.

/** Nodes `0 … count − 1` to be labelled. */
export interface LabelProblem {
  readonly count: number;
  /** What each node costs by its label; `Infinity` forbids one. */
  readonly own: readonly (readonly [number, number])[];
  readonly edges: readonly LabelEdge[];
}

/** What two nodes cost where their labels differ. */
export interface LabelEdge {
  readonly a: number;
  readonly b: number;
  /** If `a` has 0 and `b` has 1. */
  readonly cost: number;
  /** If `a` has 1 and `b` has 0; by default the same. */
  readonly back?: number;
}

interface Arc {
  readonly to: number;
  room: number;
  readonly back: number;
}

/**
 * The labelling of least total cost: a minimum cut between two terminals
 * [Greig, Porteous & Seheult, "Exact maximum a posteriori estimation for binary images", 1989],
 * found by shortest augmenting paths [Edmonds & Karp, 1972].
 */
export function cheapestLabels({ count, own, edges }: LabelProblem): (0 | 1)[] {
  const [source, sink] = [count, count + 1];
  const arcs: Arc[][] = Array.from({ length: count + 2 }, () => []);
  const connect = (from: number, to: number, there: number, back: number) => {
    arcs[from]!.push({ to, room: there, back: arcs[to]!.length });
    arcs[to]!.push({ to: from, room: back, back: arcs[from]!.length - 1 });
  };
  own.forEach(([zero, one], node) => {
    // Cut from the source is label 1, from the sink label 0; what both cost does not matter.
    const shared = Math.min(zero, one);
    if (one > shared) connect(source, node, one - shared, 0);
    if (zero > shared) connect(node, sink, zero - shared, 0);
  });
  for (const { a, b, cost, back = cost } of edges)
    if (a !== b && cost + back > 0) connect(a, b, cost, back);

  for (;;) {
    const cameBy = reach(arcs, source);
    if (!cameBy[sink]) return Array.from({ length: count }, (_, node) => (cameBy[node] ? 0 : 1));
    const path: Arc[] = [];
    for (let at = sink; at !== source; ) {
      const arc = cameBy[at]!;
      path.push(arc);
      at = arcs[at]![arc.back]!.to;
    }
    const room = Math.min(...path.map((arc) => arc.room));
    if (room === Number.POSITIVE_INFINITY) throw new RangeError('a node may have neither label');
    for (const arc of path) {
      arc.room -= room;
      arcs[arc.to]![arc.back]!.room += room;
    }
  }
}

/** The arc by which each node is reached first, over arcs with room. */
function reach(arcs: readonly (readonly Arc[])[], source: number): (Arc | undefined)[] {
  const cameBy = new Array<Arc | undefined>(arcs.length);
  const queue = [source];
  for (const at of queue)
    for (const arc of arcs[at]!)
      if (arc.room > 1e-9 && !cameBy[arc.to] && arc.to !== source) {
        cameBy[arc.to] = arc;
        queue.push(arc.to);
      }
  return cameBy;
}
