// What models in TensorFlow's terms come down to: inputs with names, and a way to build the rest over them.

import {
  createBuilder,
  type Graph,
  type InputNode,
  type Location,
  type Node,
  type Output,
  type Tensor,
} from '@espalier/ir';
import { badModel } from '../errors.ts';
import { closeInputs, type DeclaredInput, noInput } from './inputs.ts';
import { type House, openHouse } from './room.ts';

/** The node of each input, by name. */
export type Ports = ReadonlyMap<string, Node>;

/** A model that has been read and checked, and waits for shapes. */
export interface ModelPlan {
  readonly inputs: readonly DeclaredInput[];
  build(house: House, ports: Ports): Output[];
}

/** How a plan's inputs are closed. */
export interface PlanOptions {
  readonly file: string;
  /** Shapes of inputs with open dimensions, by name. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  /** Inputs that become constants, by name; a number fills the input's shape. */
  readonly values?: Readonly<Record<string, Tensor | number>>;
}

/** A number for an input of which nothing is known is a single one. */
const hasNoShape = ({ inputs }: ModelPlan, name: string): boolean =>
  inputs.some((input) => input.name === name && !input.dims && !input.usual);

/** The graph of a planned model. @throws {EspalierError} OPEN_SHAPE, BAD_INPUT_SHAPE, and what building throws */
export function importPlan(plan: ModelPlan, options: PlanOptions): Graph {
  const at: Location = { file: options.file };
  const b = createBuilder();
  const values = options.values ?? {};
  const shapes = { ...options.shapes };
  for (const [name, value] of Object.entries(values))
    if (typeof value !== 'number') shapes[name] = value.type.shape;
    else if (hasNoShape(plan, name)) shapes[name] ??= [];
  const closed = closeInputs(plan.inputs, shapes, at);
  for (const name of Object.keys(values)) if (!closed.has(name)) throw noInput(name, closed, at);

  const ports = new Map<string, Node>();
  const inputs: InputNode[] = [];
  for (const { name, dtype } of plan.inputs) {
    const type = { dtype, shape: closed.get(name)! };
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) {
      const input = b.input(name, type);
      inputs.push(input);
      ports.set(name, input);
    } else if (typeof value === 'number') ports.set(name, b.expand(b.value(value, dtype), type));
    else ports.set(name, b.constant(value, name));
  }
  const outputs = plan.build(openHouse(b, options.file), ports);
  const names = new Set(outputs.map(({ name }) => name));
  if (names.size < outputs.length) throw badModel('two outputs have one name', at);
  return { inputs, outputs };
}
