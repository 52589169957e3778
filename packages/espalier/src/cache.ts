// Build results on disk: one file an entry, written whole or not at all, verified when read.
//
//   u32 length of the header | header, JSON | files one after the other | SHA-256 of all before

import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digest } from './digest.ts';
import { readWhole } from './read-large.ts';

/** What a build leaves: data, and files by name. */
export interface Entry {
  /** Plain JSON. */
  readonly data: unknown;
  readonly files: Readonly<Record<string, Uint8Array>>;
}

/** Entries by content key. */
export interface Cache {
  readonly folder: string;
  /** The entry; `undefined` where there is none, or only a damaged one. */
  read(key: string): Promise<Entry | undefined>;
  /** Replaces the entry in one step, so that builds side by side see a whole one. */
  write(key: string, entry: Entry): Promise<void>;
}

const digestBytes = 32;

/** Opens the cache in a folder, which need not exist yet. */
export const openCache = (folder: string): Cache => ({
  folder,
  async read(key) {
    let bytes: Buffer;
    try {
      bytes = await readWhole(join(folder, key));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    return decode(bytes);
  },
  async write(key, entry) {
    await mkdir(folder, { recursive: true });
    await replaceFile(join(folder, key), encode(entry));
  },
});

/** Writes a file, of one piece or of several, so that readers see the old content or the new, never a part. */
export async function replaceFile(
  path: string,
  content: Uint8Array | string | readonly Uint8Array[],
): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await writeFile(temporary, content);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

interface Header {
  readonly data: unknown;
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
}

function encode({ data, files }: Entry): readonly Uint8Array[] {
  const list = Object.entries(files);
  const header: Header = {
    data,
    files: list.map(([name, { length }]) => ({ name, bytes: length })),
  };
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  // In pieces, since a copy of large weights would be another large piece of memory.
  const pieces = [length, json, ...list.map(([, bytes]) => bytes)];
  return [...pieces, digest(pieces)];
}

function decode(bytes: Buffer): Entry | undefined {
  const end = bytes.length - digestBytes;
  if (end < 4 || !digest([bytes.subarray(0, end)]).equals(bytes.subarray(end))) return undefined;
  let offset = 4 + bytes.readUInt32LE(0);
  // The digest vouches that this is what `encode` wrote.
  const header = JSON.parse(bytes.toString('utf8', 4, offset)) as Header;
  const files = header.files.map(({ name, bytes: length }) => {
    const content = bytes.subarray(offset, offset + length);
    offset += length;
    return [name, content] as const;
  });
  return { data: header.data, files: Object.fromEntries(files) };
}
