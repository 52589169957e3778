// Files of any size: read in parts, since Node reads and digests less than 2 GiB at once.

import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { isTflite, outlineOnnx } from '@espalier/importers';
import { sha256 } from './digest.ts';

/** Models of fewer bytes are read as they are. */
const large = 1 << 26;

const partBytes = 1 << 24;

/** The bytes that a model is read from, and the digest of its file. */
export interface ModelBytes {
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

/**
 * Reads a model's file. Of a large ONNX file it is the outline, which refers to the file for its weights: they are then
 * read one by one, and never held twice.
 */
export async function readModelBytes(file: string): Promise<ModelBytes> {
  const handle = await open(file);
  let size: number;
  let head: Uint8Array;
  try {
    ({ size } = await handle.stat());
    if (size < large) return digested(await handle.readFile());
    head = await readPart(handle, 0, 64);
    if (isTflite(head) || head[0] === 0x7b || !(await isItself(file)))
      return digested(await readPart(handle, 0, size));
  } finally {
    await handle.close();
  }
  return outlined(file, size);
}

/** Reads a file whole. */
export async function readWhole(file: string): Promise<Buffer> {
  const handle = await open(file);
  try {
    return await readPart(handle, 0, (await handle.stat()).size);
  } finally {
    await handle.close();
  }
}

const digested = (bytes: Uint8Array): ModelBytes => ({ bytes, sha256: sha256(bytes) });

async function readPart(handle: FileHandle, from: number, wanted: number): Promise<Buffer> {
  const bytes = Buffer.alloc(wanted);
  let at = 0;
  while (at < wanted) {
    const length = Math.min(partBytes, wanted - at);
    const { bytesRead } = await handle.read(bytes, at, length, from + at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return bytes.subarray(0, at);
}

/** Whether the file lies where its path says: what is beside a model is looked for in its real folder. */
const isItself = async (file: string): Promise<boolean> => {
  const real = await realpath(file);
  const named = basename(real) === basename(file) && !/[\\:]/.test(basename(file));
  return named && dirname(real) === (await realpath(dirname(file)));
};

function outlined(file: string, size: number): ModelBytes {
  const handle = openSync(file, 'r');
  try {
    const read = (from: number, length: number): Uint8Array => {
      const bytes = new Uint8Array(length);
      const got = readSync(handle, bytes, 0, length, from);
      return bytes.subarray(0, got);
    };
    const hash = createHash('sha256');
    for (let at = 0; at < fstatSync(handle).size; at += partBytes)
      hash.update(read(at, Math.min(partBytes, size - at)));
    return { bytes: outlineOnnx(read, size, basename(file)), sha256: hash.digest('hex') };
  } finally {
    closeSync(handle);
  }
}
