// The outline of a large ONNX file: its bytes without the weights, which then are read one by one as external data.

import { badModel } from '../errors.ts';

/** Reads part of a file, all of it. */
export type ReadPart = (offset: number, length: number) => Uint8Array;

/** Tensors of fewer bytes stay in the outline. */
const worthLeaving = 4096;

const windowBytes = 1 << 16;

/** Where the messages lie that hold weights: `ModelProto.graph.initializer.raw_data`. */
const path = [7, 5, 9] as const;

/**
 * Copies a model file without the data of large initializers, which become references to `location`, the file itself:
 * no more than the outline is held at a time.
 *
 * @throws {EspalierError} BAD_MODEL
 */
export function outlineOnnx(read: ReadPart, size: number, location: string): Uint8Array {
  const at = { file: location };
  let window = new Uint8Array(0);
  let from = 0;
  const byteAt = (position: number): number => {
    if (position < from || position >= from + window.length) {
      from = position;
      window = Uint8Array.from(read(from, Math.min(windowBytes, size - from)));
    }
    return window[position - from]!;
  };
  const varint = (
    start: number,
    end: number,
  ): { readonly value: number; readonly next: number } => {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      if (start + i >= end) throw badModel(`the file ends inside a number, at byte ${start}`, at);
      const byte = byteAt(start + i);
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return { value, next: start + i + 1 };
    }
    throw badModel(`a number is longer than 10 bytes, at byte ${start}`, at);
  };

  /** The parts of a message whose field `path[depth]` leads on to weights. */
  const message = (start: number, end: number, depth: number): readonly Uint8Array[] => {
    const parts: Uint8Array[] = [];
    let [kept, position] = [start, start];
    const keep = (until: number) => {
      if (until > kept) parts.push(read(kept, until - kept));
    };
    while (position < end) {
      const tag = varint(position, end);
      const type = tag.value & 7;
      const first = type === 0 || type === 2 ? varint(tag.next, end) : undefined;
      const next =
        type === 2
          ? first!.next + first!.value
          : (first?.next ?? tag.next + (type === 5 ? 4 : type === 1 ? 8 : end));
      if (next > end) throw badModel(`byte ${position} starts no field that ends`, at);
      if (type === 2 && Math.floor(tag.value / 8) === path[depth]) {
        const { value: length, next: content } = first!;
        const replaced =
          depth < path.length - 1
            ? framed(tag.value, message(content, next, depth + 1))
            : length >= worthLeaving
              ? reference(location, content, length)
              : undefined;
        if (replaced) {
          keep(position);
          parts.push(...replaced);
          kept = next;
        }
      }
      position = next;
    }
    keep(end);
    return parts;
  };

  return joined(message(0, size, 0));
}

/** A message as a field. */
const framed = (tag: number, parts: readonly Uint8Array[]): readonly Uint8Array[] => {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return [encodeVarint(tag), encodeVarint(length), ...parts];
};

const text = new TextEncoder();

/** The fields `external_data` and `data_location` of a tensor whose data lie in a file. */
function reference(location: string, offset: number, length: number): readonly Uint8Array[] {
  const bytesField = (field: number, parts: readonly Uint8Array[]) => framed(8 * field + 2, parts);
  const entry = (key: string, value: string) =>
    bytesField(13, [...bytesField(1, [text.encode(key)]), ...bytesField(2, [text.encode(value)])]);
  return [
    ...entry('location', location),
    ...entry('offset', String(offset)),
    ...entry('length', String(length)),
    Uint8Array.of(8 * 14, 1),
  ];
}

function encodeVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Uint8Array.from([...bytes, rest]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
