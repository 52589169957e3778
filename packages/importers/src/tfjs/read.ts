// The bytes of a `model.json` become a checked description and its weights.

import type { Location, Tensor } from '@espalier/ir';
import { badModel, modelTooLarge } from '../errors.ts';
import type { ExternalReader } from '../external.ts';
import { asRecord, field, isRecord, type Json, type JsonRecord } from './json.ts';
import { readWeights } from './weights.ts';

/** What reading needs besides the bytes. */
export interface TfjsReadOptions {
  /** The file's name, for messages. */
  readonly file: string;
  /** Reads the shards. */
  readonly external?: ExternalReader;
}

/** A TF.js model: a graph of operators, or layers of Keras. */
export interface TfjsModel {
  readonly format: 'graph-model' | 'layers-model';
  readonly topology: JsonRecord;
  /** Named inputs and outputs of a graph model; empty if it has none. */
  readonly signature: JsonRecord;
  readonly weights: ReadonlyMap<string, Tensor>;
}

/** Topologies of real networks have a few megabytes. */
const mostBytes = 2 ** 28;

/** Whether bytes are a TF.js model: JSON with a topology. */
export function isTfjs(bytes: Uint8Array): boolean {
  const first = bytes.subarray(0, 64).find((byte) => byte > 0x20);
  if (first !== 0x7b || bytes.length > mostBytes) return false;
  try {
    const json = parseJson(bytes);
    return isRecord(json) && isRecord(field(json, 'modelTopology'));
  } catch {
    // Not JSON, so not ours to explain.
    return false;
  }
}

const parseJson = (bytes: Uint8Array): Json =>
  JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Json;

/**
 * Reads a TF.js model with its weights.
 *
 * @throws {EspalierError} BAD_MODEL, MODEL_TOO_LARGE, BAD_EXTERNAL_DATA, UNSUPPORTED_TYPE
 */
export function readTfjs(bytes: Uint8Array, { file, external }: TfjsReadOptions): TfjsModel {
  const at: Location = { file };
  if (bytes.length > mostBytes) throw modelTooLarge(`a topology of ${bytes.length} bytes`, at);
  let json: Json;
  try {
    json = parseJson(bytes);
  } catch (cause) {
    throw badModel('the file is not JSON', at, cause);
  }
  const model = asRecord(json, 'the file', at);
  const topology = asRecord(field(model, 'modelTopology'), 'modelTopology', at);
  const weights = readWeights(field(model, 'weightsManifest') ?? [], external, at);
  const given = field(model, 'format');
  const found = field(topology, 'node') === undefined ? 'layers-model' : 'graph-model';
  const format = given === 'graph-model' || given === 'layers-model' ? given : found;
  return { format, topology, signature: signatureOf(model), weights };
}

/** Newer converters write it at the top, older ones among what the user may add. */
function signatureOf(model: JsonRecord): JsonRecord {
  const own = field(model, 'signature');
  if (isRecord(own)) return own;
  const user = field(model, 'userDefinedMetadata');
  const moved = isRecord(user) ? field(user, 'signature') : undefined;
  return isRecord(moved) ? moved : {};
}
