// Checks a protobuf message's framing before it is decoded, so that decoding cannot run away.

import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import type { Location } from '@espalier/ir';
import { badModel, modelTooLarge } from '../errors.ts';

/** What one file may ask the decoder to build. Real models stay far below. */
const limits = { nesting: 64, objects: 1_000_000, varints: 16_000_000 };

const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/**
 * Walks every record of `bytes` as a message of `schema`: lengths stay inside their parent, nesting
 * is bounded, and so is the number of values that take more memory decoded than encoded.
 *
 * @throws {EspalierError} BAD_MODEL, MODEL_TOO_LARGE
 */
export function checkWire(bytes: Uint8Array, schema: DescMessage, at: Location): void {
  const fields = new Map<DescMessage, Map<number, DescField>>();
  let position = 0;
  let objects = 0;
  let varints = 0;

  const fieldsOf = (message: DescMessage) => {
    let known = fields.get(message);
    if (known === undefined) {
      known = new Map(message.fields.map((field) => [field.number, field]));
      fields.set(message, known);
    }
    return known;
  };

  /** Reads a varint; those of tags and lengths must fit 32 bits. */
  const readVarint = (end: number, what: string): number => {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      if (position >= end)
        throw badModel(`the file ends inside a ${what}, at byte ${position}`, at);
      const byte = bytes[position++]!;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw badModel(`a ${what} is longer than 10 bytes, at byte ${position}`, at);
  };

  const count = (n: number, unpacked: boolean) => {
    if (unpacked) objects += n;
    else varints += n;
    if (objects > limits.objects || varints > limits.varints)
      throw modelTooLarge('the file holds more values than any model needs', at);
  };

  const readMessage = (message: DescMessage, end: number, depth: number) => {
    if (depth > limits.nesting)
      throw badModel(`messages are nested deeper than ${limits.nesting}`, at);
    const known = fieldsOf(message);
    while (position < end) {
      const start = position;
      const tag = readVarint(end, 'tag');
      const field = known.get(Math.floor(tag / 8));
      const type = tag & 7;
      if (tag < 8 || tag > 0xffffffff) throw badModel(`byte ${start} starts no field`, at);
      if (type === wire.varint) {
        readVarint(end, 'number');
        count(1, false);
      } else if (type === wire.fixed32) position += 4;
      else if (type === wire.fixed64) position += 8;
      else if (type === wire.bytes) {
        const length = readVarint(end, 'length');
        if (length > end - position)
          throw badModel(`byte ${start} claims ${length} bytes, ${end - position} are left`, at);
        readBytes(field, position + length, depth);
      } else throw badModel(`byte ${start} has wire type ${type}`, at);
      if (position > end) throw badModel(`a number at byte ${start} is cut off`, at);
    }
  };

  const readBytes = (field: DescField | undefined, end: number, depth: number) => {
    const inner =
      field?.fieldKind === 'message' || field?.fieldKind === 'list' ? field.message : undefined;
    if (inner !== undefined) {
      count(1, true);
      readMessage(inner, end, depth + 1);
    } else if (field?.fieldKind === 'list' && field.listKind === 'scalar') {
      if (packedSize(field.scalar) === 'varint')
        for (let i = position; i < end; i++) if (bytes[i]! < 0x80) varints++;
      if (field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES) objects++;
      count(0, true);
    }
    position = end;
  };

  readMessage(schema, bytes.length, 0);
}

const fixed: ReadonlySet<ScalarType> = new Set([
  ScalarType.DOUBLE,
  ScalarType.FLOAT,
  ScalarType.FIXED64,
  ScalarType.FIXED32,
  ScalarType.SFIXED64,
  ScalarType.SFIXED32,
  ScalarType.STRING,
  ScalarType.BYTES,
]);

const packedSize = (type: ScalarType): 'varint' | 'other' => (fixed.has(type) ? 'other' : 'varint');
