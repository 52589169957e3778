// Layers with constant weights are computed in 8 bits: their inputs become codes of 7 bits, their weights integers,
// and what follows them gives codes again where the next layer wants them.

import {
  type AttrsOf,
  type Builder,
  createBuilder,
  type Graph,
  type Node,
  type OpNode,
  sameShape,
  splitInputs,
  substitute,
  topologicalOrder,
} from '@espalier/ir';
import { channelsOf, movedChannels } from './channels.ts';
import { type Code, chooseCodes, type Statistics } from './codes.ts';
import { encoded, startExpression } from './expressions.ts';
import { convolutionOf } from './host.ts';
import { codedValues, isHost, isMover, quantisedValues } from './regions.ts';

/** What the nodes of a graph have become so far. */
export interface Made {
  readonly b: Builder;
  /** The code of a value that is held as codes. */
  codeOf(node: Node): Code | undefined;
  /** The code that a value would have. */
  meaningOf(node: Node): Code;
  /** The mean of each of its channels. */
  meansOf(node: Node): readonly number[];
  /** The codes of a value, where it has become codes and nothing else. */
  heldCodes(node: Node): Node | undefined;
  floatsOf(node: Node): Node;
  codesOf(node: Node, code: Code): Node;
}

/** A map over what its operands have become. */
function mapOf(made: Made, b: Builder, node: OpNode): Node {
  const { expr } = node.attrs as AttrsOf<'map'>; // its op says so
  const { shape } = node.type;
  const expressions = startExpression(b, 0, shape);
  const args = node.inputs.map((input) => {
    const [code, held] = [made.codeOf(input), made.heldCodes(input)];
    // The channels of an operand of fewer axes are not those of the result.
    return code && held && input.type.shape.length === shape.length
      ? expressions.decoded(expressions.operand(held), code)
      : expressions.operand(made.floatsOf(input));
  });
  const value = substitute(expr, args);
  const code = made.codeOf(node);
  const finished = expressions.finish(code ? encoded(value, code, expressions) : value);
  // What made the shape of the result may have dropped out.
  const operands = finished.operands.length > 0 ? finished.operands : [b.value(0)];
  const mapped = b.map(operands, { expr: finished.expr });
  return sameShape(mapped.type.shape, shape) ? mapped : b.expand(mapped, { shape });
}

/** A mover over codes. */
function moved(made: Made, b: Builder, node: OpNode, code: Code): Node {
  const inputs = splitInputs(node).own.map((input, index) => {
    const own = made.codeOf(input);
    if (own) return made.codesOf(input, own);
    const channels = movedChannels(node, index) ?? [];
    const { scales: all } = code;
    const scales = Array.from(
      { length: channelsOf(input) },
      (_, channel) => all[all.length === 1 ? 0 : Math.max(0, channels[channel] ?? 0)]!,
    );
    return made.codesOf(input, { ...code, scales });
  });
  if (node.op !== 'pad') return b.apply(node.op, inputs, node.attrs);
  const { before, after } = node.attrs as AttrsOf<'pad'>; // just asked
  return b.pad(inputs[0]!, { before, after, value: code.zero });
}

/** The graph with its layers in integers, given the statistics of each channel of `codedValues`. */
export function quantise(
  graph: Graph,
  statistics: ReadonlyMap<Node, readonly Statistics[]>,
): Graph {
  const meanings = chooseCodes(graph, quantisedValues(graph), statistics);
  const held = new Set(codedValues(graph));
  const codes = new Map([...meanings].filter(([node]) => held.has(node)));
  const floats = new Map<Node, Node>();
  const coded = new Map<Node, Node>();
  const copies = new Map<Node, Node>();
  const b = createBuilder(graph);
  const made: Made = {
    b,
    codeOf: (node) => codes.get(node),
    meaningOf: (node) => meanings.get(node)!,
    meansOf: (node) => statistics.get(node)!.map(({ mean }) => mean),
    heldCodes: (node) => coded.get(node),

    floatsOf(node) {
      const known = floats.get(node);
      if (known) return known;
      const named = b.named(node.name);
      const expressions = startExpression(named, 0, node.type.shape);
      const value = expressions.decoded(expressions.operand(coded.get(node)!), codes.get(node)!);
      const { expr, operands } = expressions.finish(value);
      const decoded = named.map(operands, { expr });
      floats.set(node, decoded);
      return decoded;
    },

    codesOf(node, code) {
      const own = meanings.get(node) === code;
      const known = own ? (coded.get(node) ?? copies.get(node)) : undefined;
      if (known) return known;
      const named = b.named(node.name);
      const expressions = startExpression(named, 0, node.type.shape);
      const value = expressions.operand(made.floatsOf(node));
      const { expr, operands } = expressions.finish(encoded(value, code, expressions));
      const result = named.map(operands, { expr });
      if (own) (codes.has(node) ? coded : copies).set(node, result);
      return result;
    },
  };

  for (const node of topologicalOrder(graph)) {
    const code = codes.get(node);
    const named = b.named(node.name);
    const become = code ? coded : floats;
    if (node.kind !== 'op') floats.set(node, node);
    else if (isHost(node)) become.set(node, convolutionOf(made, named, node));
    else if (code && isMover(node)) coded.set(node, moved(made, named, node, code));
    else if (node.op === 'map' && (code || node.inputs.some((input) => coded.has(input))))
      become.set(node, mapOf(made, named, node));
    else floats.set(node, b.withInputs(node, node.inputs.map(made.floatsOf)));
  }
  const outputs = graph.outputs.map(({ name, node }) => ({ name, node: made.floatsOf(node) }));
  return { inputs: graph.inputs, outputs };
}
