// Reads members of a zip archive, stored or deflated.

import { inflateRawSync } from 'node:zlib';

/** The members of an archive by name; each is unpacked when it is called. */
export function readZip(bytes: Buffer): Map<string, () => Buffer> {
  const members = new Map<string, () => Buffer>();
  let end = bytes.length - 22;
  while (bytes.readUInt32LE(end) !== 0x06054b50) end--;
  const count = bytes.readUInt16LE(end + 10);
  let at = bytes.readUInt32LE(end + 16);
  for (let i = 0; i < count; i++) {
    const method = bytes.readUInt16LE(at + 10);
    const size = bytes.readUInt32LE(at + 20);
    const [name, extra, comment] = [28, 30, 32].map((field) => bytes.readUInt16LE(at + field));
    const local = bytes.readUInt32LE(at + 42);
    members.set(bytes.toString('utf8', at + 46, at + 46 + name!), () => {
      const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
      const packed = bytes.subarray(start, start + size);
      return method === 0 ? packed : inflateRawSync(packed);
    });
    at += 46 + name! + extra! + comment!;
  }
  return members;
}
