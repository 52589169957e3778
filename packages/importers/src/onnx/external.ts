// Data that an ONNX model keeps in files beside it.

import type { Location } from '@espalier/ir';
import { badExternalData, modelTooLarge } from '../errors.ts';
import { type ExternalReader, staysInside } from '../external.ts';
import type { TensorProto } from './proto/onnx_pb.ts';
import { checkTensor, maxElements } from './tensors.ts';

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
  if (!staysInside(location))
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

function parseCount(text: string, label: string, at: Location): number {
  const value = Number(text);
  if (!/^\d{1,15}$/.test(text)) throw badExternalData(`${label} has offset or length ${text}`, at);
  return value;
}
