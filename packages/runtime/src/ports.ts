// Carries elements between the caller's arrays and linear memory, where each takes 32 bits.

import { badInput } from './errors.ts';
import type { Port } from './program.ts';

const arrays = { f32: Float32Array, i32: Int32Array, bool: Uint8Array } as const;

const count = ({ shape }: Port): number => shape.reduce((n, d) => n * d, 1);

/** The elements of a port as they are held in memory; `bool` as words. */
const words = (port: Port, memory: ArrayBuffer) =>
  new (port.dtype === 'f32' ? Float32Array : Int32Array)(memory, port.byteOffset, count(port));

/**
 * Whether these are the inputs, as many elements as they should have.
 *
 * @throws {EspalierError} BAD_INPUT
 */
export function checkInputs(ports: readonly Port[], inputs: unknown): void {
  const given = (inputs ?? {}) as Readonly<Record<string, unknown>>;
  const names = ports.map(({ name }) => name);
  for (const name of Object.keys(given))
    if (!names.includes(name))
      throw badInput(`no input ${name}; there is ${names.join(', ') || 'none'}`);
  for (const port of ports) {
    const wanted = arrays[port.dtype];
    const data = Object.hasOwn(given, port.name) ? given[port.name] : undefined;
    if (!(data instanceof wanted) || data.length !== count(port))
      throw badInput(
        `input ${port.name} must be ${wanted.name} of ${count(port)} = [${port.shape}], not ${show(data)}`,
      );
  }
}

/** Writes inputs, which have been checked, into memory. */
export function feed(
  ports: readonly Port[],
  inputs: Readonly<Record<string, ArrayLike<number>>>,
  memory: ArrayBuffer,
): void {
  for (const port of ports) {
    const data = inputs[port.name]!;
    words(port, memory).set(port.dtype === 'bool' ? Int32Array.from(data, truth) : data);
  }
}

/** Copies the outputs out of memory. */
export const fetchOutputs = (ports: readonly Port[], memory: ArrayBuffer) =>
  Object.fromEntries(
    ports.map((port) => [
      port.name,
      { data: arrays[port.dtype].from(words(port, memory)), shape: port.shape },
    ]),
  );

const truth = (byte: number): number => (byte ? 1 : 0);

const show = (value: unknown): string =>
  ArrayBuffer.isView(value)
    ? `${value.constructor.name} of ${(value as Uint8Array).length}`
    : value === undefined
      ? 'missing'
      : typeof value;
