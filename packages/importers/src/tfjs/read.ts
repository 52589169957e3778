// The bytes of a `model.json` become a checked description and its weights.

import type { Location, Tensor } from '@espalier/ir';
import { badExternalData, badModel, modelTooLarge } from '../errors.ts';
import type { ExternalReader } from '../external.ts';
import { asRecord, field, isRecord, type Json, type JsonRecord } from './json.ts';
import { exportedValue, maybeScript } from './script.ts';
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

/** Whether bytes are a TF.js model: JSON with a topology, or a script that gives such data. */
export function isTfjs(bytes: Uint8Array): boolean {
  const first = bytes.subarray(0, 64).find((byte) => byte > 0x20);
  const script = maybeScript(bytes);
  if (bytes.length > mostBytes || (first !== 0x7b && !script)) return false;
  if (script && !Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(mark))
    return false;
  try {
    const json = parseJson(bytes);
    return isRecord(json) && isRecord(field(json, mark));
  } catch {
    // Not JSON, so not ours to explain.
    return false;
  }
}

/** What every model has. */
const mark = 'modelTopology';

/** @throws {SyntaxError} */
function parseJson(bytes: Uint8Array): Json {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  if (!maybeScript(bytes)) return JSON.parse(text) as Json;
  const value = exportedValue(text);
  if (value === undefined) throw new SyntaxError('it exports no data');
  return value;
}

/** What may stand behind the name of a script, `.min.js` and `.js`; the scripts of its weights end in it too. */
const endingsOf = (file: string): string[] =>
  [...file.matchAll(/\./g)]
    .map(({ index }) => file.slice(index))
    .filter((end) => !/[/\\]/.test(end));

/** Reads shards that are scripts, of text in base64. */
const scripted =
  (file: string, read: ExternalReader): ExternalReader =>
  (location) => {
    const [script] = endingsOf(file).flatMap((ending) => {
      try {
        return [read(location + ending, 0)];
      } catch {
        // Not under this name.
        return [];
      }
    });
    const value = exportedValue(new TextDecoder().decode(script ?? read(location, 0)));
    if (typeof value === 'string') return Buffer.from(value, 'base64');
    throw badExternalData(`script ${location} holds no weights`, { file });
  };

/** Some writers keep weights beside the topology, as text in base64. */
function inlined(model: JsonRecord): ExternalReader | undefined {
  const data = field(model, 'weightData');
  return typeof data === 'string' ? () => Buffer.from(data, 'base64') : undefined;
}

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
    throw badModel('the file is neither JSON nor a script of data', at, cause);
  }
  const model = asRecord(json, 'the file', at);
  const topology = asRecord(field(model, mark), mark, at);
  const inside = inlined(model);
  const own = external && maybeScript(bytes) ? scripted(file, external) : external;
  const manifest = inside
    ? [{ weights: field(model, 'weightSpecs') ?? [], paths: ['weightData'] }]
    : (field(model, 'weightsManifest') ?? []);
  const weights = readWeights(manifest, inside ?? own, at);
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
