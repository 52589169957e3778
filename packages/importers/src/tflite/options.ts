// The options of an operator, under the names that TensorFlow's attributes have.

import type { Location } from '@espalier/ir';
import { badModel } from '../errors.ts';
import type { Attributes } from '../tensorflow/attributes.ts';
import type { Table } from './flatbuffer.ts';
import type { DeclaredOperator } from './read.ts';

/** How a field is stored; a list of names is an enumeration. */
type Kind = 'int8' | 'int32' | 'float32' | 'int32s' | readonly string[];

/** A field of a table of options: its number, how it is stored, and what it is where it is left out. */
export type Field = readonly [field: number, kind: Kind, fallback?: number];

/** The table of options that an operator has. */
export interface Options {
  /** Its number in the union of all tables. */
  readonly table: number;
  /** Fields by name. */
  readonly fields: Readonly<Record<string, Field>>;
}

/** Named access to the options of an operator. @throws {EspalierError} BAD_MODEL, if it has another operator's */
export function attributesOf(
  operator: DeclaredOperator,
  options: Options | undefined,
  at: Location,
): Attributes {
  if (options && operator.optionsKind !== 0 && operator.optionsKind !== options.table)
    throw badModel(`${operator.op} has the options of another operator`, at);
  const table = operator.optionsKind === 0 ? undefined : operator.options;
  const find = (name: string): Field | undefined =>
    options && Object.hasOwn(options.fields, name) ? options.fields[name] : undefined;
  const number = (name: string, fallback: number): number => {
    const field = find(name);
    return field === undefined ? fallback : read(table, field);
  };
  return {
    int: number,
    float: number,
    flag: (name, fallback) => number(name, Number(fallback)) !== 0,
    ints(name) {
      const field = find(name);
      return field && table?.int32s(field[0]);
    },
    text(name, fallback) {
      const field = find(name);
      if (field === undefined || typeof field[1] === 'string') return fallback;
      const value = field[1][read(table, field)];
      if (value === undefined) throw badModel(`${name} is ${read(table, field)}`, at);
      return value;
    },
    texts: () => [],
    dtype: () => undefined,
    shape: () => undefined,
  };
}

function read(table: Table | undefined, [field, kind, fallback = 0]: Field): number {
  if (table === undefined) return fallback;
  if (kind === 'int32') return table.int32(field, fallback);
  return kind === 'float32' ? table.float32(field, fallback) : table.int8(field, fallback);
}
