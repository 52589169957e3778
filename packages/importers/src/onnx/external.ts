// Data that a model keeps in files beside it: read from the model's own folder and nowhere else.

import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import type { Location } from '@espalier/ir';
import { badExternalData, modelTooLarge } from '../errors.ts';
import type { TensorProto } from './proto/onnx_pb.ts';
import { checkTensor, maxElements } from './tensors.ts';

/** Reads `length` bytes from `offset` of the file at `location`, a relative path. */
export type ExternalReader = (location: string, offset: number, length: number) => Uint8Array;

/**
 * Reads external data from files in `folder`, links followed; nothing outside of it.
 *
 * @throws {EspalierError} BAD_EXTERNAL_DATA
 */
export function externalDataIn(folder: string, file: string): ExternalReader {
  return (location, offset, length) => {
    const refuse = (why: string, cause?: unknown) =>
      badExternalData(`external data ${JSON.stringify(location)} ${why}`, { file }, cause);
    let path: string;
    try {
      path = realpathSync(resolve(folder, location));
    } catch (cause) {
      throw refuse('does not exist', cause);
    }
    const inside = relative(realpathSync(folder), path);
    if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside))
      throw refuse("is outside of the model's folder");
    const status = statSync(path);
    // Asked before it is opened: a pipe would block.
    if (!status.isFile()) throw refuse('is not a file');
    if (offset + length > status.size)
      throw refuse(`has ${status.size} bytes; the model wants ${length} from ${offset}`);
    const handle = openSync(path, 'r');
    try {
      const data = new Uint8Array(length);
      let read = 0;
      while (read < length) {
        const got = readSync(handle, data, read, length - read, offset + read);
        if (got === 0) throw refuse('ended while it was read');
        read += got;
      }
      return data;
    } finally {
      closeSync(handle);
    }
  };
}

/**
 * Replaces a tensor's reference to external data by the data.
 *
 * @throws {EspalierError} BAD_EXTERNAL_DATA
 */
export function fetchExternal(
  tensor: TensorProto,
  read: ExternalReader | undefined,
  at: Location,
): void {
  const label = `external data of tensor ${tensor.name || '(unnamed)'}`;
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location') ?? '';
  if (!isSafe(location))
    throw badExternalData(`${label} leaves the model's folder: ${JSON.stringify(location)}`, at);
  if (read === undefined)
    throw badExternalData(`${label} is in ${location}, which this caller cannot read`, at);
  const offset = parseCount(entries.get('offset') ?? '0', label, at);
  const given = entries.get('length');
  const { shape, element } = checkTensor(tensor, at);
  const count = shape.reduce((n, dim) => n * dim, 1);
  const bytes = Math.ceil((count * element.bits) / 8);
  if (count > maxElements) throw modelTooLarge(`${label} has ${count} elements`, at);
  if (given !== undefined && parseCount(given, label, at) !== bytes)
    throw badExternalData(`${label} has ${given} bytes for ${bytes}`, at);
  tensor.rawData = read(location, offset, bytes);
  if (tensor.rawData.length !== bytes)
    throw badExternalData(`${label} has ${tensor.rawData.length} bytes for ${bytes}`, at);
  tensor.externalData = [];
  tensor.dataLocation = 0;
}

/** Whether a path stays below its start on every system: no root, drive, backslash or `..`. */
const isSafe = (location: string): boolean =>
  location !== '' &&
  !location.startsWith('/') &&
  !/[\\:\0]/.test(location) &&
  !location.split('/').includes('..');

function parseCount(text: string, label: string, at: Location): number {
  const value = Number(text);
  if (!/^\d{1,15}$/.test(text)) throw badExternalData(`${label} has offset or length ${text}`, at);
  return value;
}
