// Runs single operators of graph models, compiled, beside TF.js itself.

import { importTfjs } from '@espalier/importers';
import type { Tensor } from '@espalier/ir';
import t from 'tap';
import { seeded } from './hostile.ts';
import { start } from './run-compiled.ts';
import { graphModelOutputs } from './tfjs.ts';
import { type Attribute, graphModel } from './tfjs-model.ts';

/** A call of one operator. */
export interface Case {
  readonly title: string;
  readonly op: string;
  /** A shape is an input of floats; a tensor a constant. */
  readonly operands: readonly (readonly number[] | Tensor | Input)[];
  readonly attrs?: Readonly<Record<string, Attribute>>;
  readonly results?: number;
  /** Inputs lie between this and the next number. */
  readonly range?: readonly [low: number, high: number];
}

/** An input of whole numbers or truths. */
export interface Input {
  readonly input: 'i32' | 'bool';
  readonly shape: readonly number[];
}

const random = seeded(11);

function tensorFor(
  given: Case['operands'][number],
  [low, high]: readonly [number, number],
): Tensor {
  if ('type' in given) return given;
  const input = 'input' in given ? given : undefined;
  const shape = input ? input.shape : (given as readonly number[]); // the two other kinds are told apart
  const length = shape.reduce((n, extent) => n * extent, 1);
  const next = () => low + (high - low) * random();
  if (input?.input === 'i32')
    return {
      type: { dtype: 'i32', shape },
      data: Int32Array.from({ length }, () => Math.floor(9 * random())),
    };
  if (input?.input === 'bool')
    return {
      type: { dtype: 'bool', shape },
      data: Uint8Array.from({ length }, () => Number(random() < 0.5)),
    };
  return { type: { dtype: 'f32', shape }, data: Float32Array.from({ length }, next) };
}

/** A test for each case: what is compiled gives what TF.js gives. */
export function agreeWithTfjs(cases: readonly Case[]): void {
  for (const { title, op, operands, attrs = {}, results = 1, range = [-1, 1] as const } of cases)
    t.test(`${op} agrees: ${title}`, async (t) => {
      const values = operands.map((given) => tensorFor(given, range));
      const isConstant = (i: number) => 'type' in operands[i]!;
      const named = (constant: boolean) =>
        Object.fromEntries(
          values.flatMap((value, i) => (isConstant(i) === constant ? [[`x${i}`, value]] : [])),
        );
      const outputs = Array.from({ length: results }, (_, i) => `z${i}`);
      const model = graphModel({
        inputs: named(false),
        constants: named(true),
        nodes: [
          { name: 'y', op, input: values.map((_, i) => `x${i}`), attr: { ...attrs } },
          ...outputs.map((name, i) => ({
            name,
            op: 'Identity',
            input: [i === 0 ? 'y' : `y:${i}`],
          })),
        ],
        outputs,
      });
      const expected: Tensor[] = await graphModelOutputs(model, named(false), outputs);
      const graph = importTfjs(model.bytes(), { file: 'model.json', external: model.external });
      const found = start(graph).run(named(false));
      graph.outputs.forEach(({ name }, i) => {
        const [a, b] = [expected[i]!, found[name]!];
        t.same(b.type.shape, a.type.shape, `${name} has its shape`);
        const wanted = Array.from(a.data, Number);
        const scale = wanted.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
        let worst = 0;
        wanted.forEach((v, k) => {
          const off = Math.abs(v - Number(b.data[k]));
          if (!(off <= worst)) worst = off;
        });
        t.ok(worst <= 1e-4 * scale, `${name} is off by ${worst} of ${scale}`);
      });
    });
}
