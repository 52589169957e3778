// The weights of a TF.js model: a manifest says what lies in which order in the files beside it.

import { elementCount, type Location, type Tensor, type TensorType } from '@espalier/ir';
import { badExternalData, badModel, modelTooLarge, unsupportedType } from '../errors.ts';
import { type ExternalReader, staysInside } from '../external.ts';
import { fromHalf } from '../onnx/element-types.ts';
import { maxElements } from '../onnx/tensors.ts';
import { asExtents, asList, asRecord, asText, field, type Json } from './json.ts';

/** Elements as they are stored: bytes each, and how one is read. */
interface Stored {
  readonly bytes: 1 | 2 | 4;
  read(view: DataView, at: number): number;
}

const stored = new Map<string, Stored>([
  ['float32', { bytes: 4, read: (view, at) => view.getFloat32(at, true) }],
  ['int32', { bytes: 4, read: (view, at) => view.getInt32(at, true) }],
  ['bool', { bytes: 1, read: (view, at) => Number(view.getUint8(at) !== 0) }],
  ['uint8', { bytes: 1, read: (view, at) => view.getUint8(at) }],
  ['uint16', { bytes: 2, read: (view, at) => view.getUint16(at, true) }],
  ['float16', { bytes: 2, read: (view, at) => fromHalf(view.getUint16(at, true)) }],
]);

const dtypes = { float32: 'f32', int32: 'i32', bool: 'bool' } as const;

/** One tensor of the manifest. */
interface Spec {
  readonly name: string;
  readonly type: TensorType;
  readonly stored: Stored;
  /** Steps and origin of whole numbers that stand for others. */
  readonly scale: number;
  readonly min: number;
}

/**
 * Reads every tensor of a manifest. Weights that were made smaller by `--quantize_*` get their size back:
 * `scale · q + min` of 8 or 16 bits, or halves.
 *
 * @throws {EspalierError} BAD_MODEL, MODEL_TOO_LARGE, BAD_EXTERNAL_DATA, UNSUPPORTED_TYPE
 */
export function readWeights(
  manifest: Json | undefined,
  read: ExternalReader | undefined,
  at: Location,
): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const entry of asList(manifest, 'weightsManifest', at)) {
    const group = asRecord(entry, 'a group of weightsManifest', at);
    const specs = asList(field(group, 'weights'), 'the weights of a group', at).map((spec) =>
      parseSpec(spec, at),
    );
    const paths = asList(field(group, 'paths'), 'the paths of a group', at).map((path) =>
      asText(path, 'a path of weights', at),
    );
    const bytes = readShards(paths, sizeOf(specs, at), read, at);
    let offset = 0;
    for (const spec of specs) {
      if (tensors.has(spec.name)) throw badModel(`weight ${spec.name} is stored twice`, at);
      tensors.set(spec.name, decode(spec, bytes, offset));
      offset += elementCount(spec.type.shape) * spec.stored.bytes;
    }
  }
  return tensors;
}

function parseSpec(value: Json, at: Location): Spec {
  const record = asRecord(value, 'an entry of weightsManifest', at);
  const name = asText(field(record, 'name'), 'the name of a weight', at);
  const shape = asExtents(field(record, 'shape'), `the shape of weight ${name}`, at);
  const dtype = asText(field(record, 'dtype'), `the dtype of weight ${name}`, at);
  if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool')
    throw unsupportedType(`weight ${name} holds ${JSON.stringify(dtype)}`, at);
  if (elementCount(shape) > maxElements || shape.length > 8)
    throw modelTooLarge(`weight ${name} claims [${shape.join(', ')}]`, at);
  const type = { dtype: dtypes[dtype], shape };
  const packing = field(record, 'quantization');
  if (packing === undefined) return { name, type, stored: stored.get(dtype)!, scale: 1, min: 0 };
  const packed = asRecord(packing, `the quantization of weight ${name}`, at);
  const kind = asText(field(packed, 'dtype'), `the quantization of weight ${name}`, at);
  const format = ['uint8', 'uint16', 'float16'].includes(kind) ? stored.get(kind) : undefined;
  if (!format || dtype === 'bool' || (kind === 'float16' && dtype !== 'float32'))
    throw unsupportedType(`weight ${name} is ${dtype}, stored as ${JSON.stringify(kind)}`, at);
  if (kind === 'float16') return { name, type, stored: format, scale: 1, min: 0 };
  const [scale, min] = [field(packed, 'scale'), field(packed, 'min')];
  if (typeof scale !== 'number' || typeof min !== 'number')
    throw badModel(`weight ${name} is quantised without scale and min`, at);
  return { name, type, stored: format, scale, min };
}

function sizeOf(specs: readonly Spec[], at: Location): number {
  let bytes = 0;
  for (const { type, stored } of specs) bytes += elementCount(type.shape) * stored.bytes;
  if (bytes > 4 * maxElements) throw modelTooLarge(`weights of ${bytes} bytes`, at);
  return bytes;
}

/** The shards one behind the other; a tensor may lie across two. */
function readShards(
  paths: readonly string[],
  size: number,
  read: ExternalReader | undefined,
  at: Location,
): Uint8Array {
  const bytes = new Uint8Array(size);
  let filled = 0;
  for (const path of paths) {
    if (filled === size) break;
    if (!staysInside(path))
      throw badExternalData(`weights leave the model's folder: ${JSON.stringify(path)}`, at);
    if (read === undefined)
      throw badExternalData(`weights are in ${path}, which this caller cannot read`, at);
    const shard = read(path, 0);
    const part = shard.subarray(0, size - filled);
    bytes.set(part, filled);
    filled += part.length;
  }
  if (filled < size)
    throw badExternalData(`the weights have ${filled} bytes of the ${size} in the manifest`, at);
  return bytes;
}

function decode({ type, stored, scale, min }: Spec, bytes: Uint8Array, offset: number): Tensor {
  const count = elementCount(type.shape);
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, count * stored.bytes);
  const value = (i: number) => scale * stored.read(view, i * stored.bytes) + min;
  if (type.dtype === 'i32')
    return { type, data: Int32Array.from({ length: count }, (_, i) => Math.round(value(i))) };
  const data = type.dtype === 'f32' ? new Float32Array(count) : new Uint8Array(count);
  if (scale === 1 && min === 0)
    for (let i = 0; i < count; i++) data[i] = stored.read(view, i * stored.bytes);
  else for (let i = 0; i < count; i++) data[i] = value(i);
  return { type, data };
}
