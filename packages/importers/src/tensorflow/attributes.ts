// What operators may ask about the attributes of a node, whatever file they are kept in.

import type { DType } from '@espalier/ir';

/** Typed access to a node's attributes; each gives the fallback where the attribute is left out. */
export interface Attributes {
  int(name: string, fallback: number): number;
  ints(name: string): number[] | undefined;
  float(name: string, fallback: number): number;
  flag(name: string, fallback: boolean): boolean;
  text(name: string, fallback: string): string;
  texts(name: string): string[];
  /** @throws {EspalierError} UNSUPPORTED_TYPE, for a type that the graph does not hold */
  dtype(name: string): Exclude<DType, 'u8'> | undefined;
  /** `undefined` for an open extent, or for a shape of unknown rank. */
  shape(name: string): (number | undefined)[] | undefined;
}
