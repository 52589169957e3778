// Other outputs than those that a model declares: any tensor of its first graph.

import { noOutput } from '../errors.ts';
import type { DeclaredOperator, TfliteModel } from './read.ts';

/**
 * The model with these tensors of its first graph as outputs, and only the operators that they need.
 *
 * @throws {EspalierError} NO_OUTPUT
 */
export function withOutputs(
  model: TfliteModel,
  names: readonly string[] | undefined,
  file: string,
): TfliteModel {
  const [main, ...others] = model.subgraphs;
  if (names === undefined || main === undefined) return model;
  const declared = main.outputs.map((index) => main.tensors[index]!.name); // the reader has checked them
  const outputs = names.map((name) => {
    const index = main.tensors.findIndex((tensor) => tensor.name === name && name !== '');
    if (index < 0) throw noOutput(name, declared, { file });
    return index;
  });
  const wanted = new Set(outputs);
  const needed: DeclaredOperator[] = [];
  for (const operator of main.operators.toReversed())
    if (operator.outputs.some((index) => wanted.has(index))) {
      needed.push(operator);
      for (const index of operator.inputs) wanted.add(index);
    }
  return { ...model, subgraphs: [{ ...main, outputs, operators: needed.reverse() }, ...others] };
}
