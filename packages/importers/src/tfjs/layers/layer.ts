// What a layer's importer is, and what it sees of one call of the layer.

import { type Node, parseScalar, type Scalar } from '@espalier/ir';
import type { Room } from '../../tensorflow/room.ts';
import { leakyRelu, unaryScalars } from '../../tensorflow/scalars.ts';
import type { Format, Pair } from '../../tensorflow/windows.ts';
import { asWhole, field, isList, isRecord, type Json, type JsonRecord } from '../json.ts';

/** One call of a layer, as its importer sees it. */
export interface LayerSite extends Room {
  readonly className: string;
  readonly name: string;
  readonly config: JsonRecord;
  readonly inputs: readonly Node[];
  /** Operand `i`. @throws {EspalierError} BAD_MODEL, if it is left out */
  input(i: number): Node;
  /** A tensor of the layer, such as `kernel`. @throws {EspalierError} BAD_MODEL, if it is missing */
  weight(name: string): Node;
  /** The same, where the model need not have it. */
  maybeWeight(name: string): Node | undefined;
  /** The site of a part of the layer, whose weights have one of `names` between the layer's and their own. */
  inside(part: LayerPart): LayerSite;
  /** What a layer in this one, a record of class and configuration, makes of operands. */
  call(layer: JsonRecord, names: readonly string[], inputs: readonly Node[]): readonly Node[];
  /** Which steps of a sequence count, `[N, T]`; `undefined` where all do. */
  maskOf(x: Node): Node | undefined;
  /** Says which steps of a result count. */
  setMask(y: Node, mask: Node): void;
}

/** A part of a layer. */
export interface LayerPart {
  readonly className: string;
  readonly config: JsonRecord;
  readonly names: readonly string[];
  readonly inputs?: readonly Node[];
}

/** Turns a call of a layer into nodes: of Keras' own, or of one that a user has added. */
export type CustomLayer = (site: LayerSite) => Node | readonly Node[];

/** Importers of layers, by class name. */
export type CustomLayers = Readonly<Record<string, CustomLayer>>;

/** A field of the configuration that is a number. */
export function numberOf(site: LayerSite, name: string, fallback: number): number {
  const value = field(site.config, name) ?? fallback;
  // TF.js writes tensors of one element in place of some numbers.
  const found = isRecord(value) ? field(value, 'value') : value;
  if (typeof found !== 'number') throw site.bad(`${name} is not a number`);
  return found;
}

/** A field of the configuration that is true or false. */
export const flagOf = ({ config }: LayerSite, name: string, fallback: boolean): boolean => {
  const value = field(config, name);
  return typeof value === 'boolean' ? value : fallback;
};

/** A field of the configuration that is a word; where a record stands for it, its class. */
export function wordOf({ config }: LayerSite, name: string, fallback: string): string {
  const value = field(config, name);
  const word = isRecord(value) ? field(value, 'class_name') : value;
  return typeof word === 'string' ? word : fallback;
}

/** A number for rows and columns, or one for each. */
export function pairOf(site: LayerSite, name: string, fallback: Pair): Pair {
  const value = field(site.config, name);
  if (value === undefined) return fallback;
  const list = isList(value) ? value : [value, value];
  const [a, b] = (list.length === 1 ? [1, list[0]!] : list).map((item: Json) =>
    asWhole(item, name, site.at),
  );
  if (a === undefined || b === undefined || a < 1 || b < 1 || list.length > 2)
    throw site.bad(`${name} is ${JSON.stringify(value)}`);
  return [a, b];
}

/** Where the channels are. @throws {EspalierError} UNSUPPORTED_USE */
export function formatOf(site: LayerSite): Format {
  const format = wordOf(site, 'data_format', 'channels_last');
  if (format !== 'channels_last' && format !== 'channels_first')
    throw site.unsupported(`data_format ${format}`);
  return format === 'channels_last' ? 'NHWC' : 'NCHW';
}

const names = new Map([
  ['relu', 'Relu'],
  ['relu6', 'Relu6'],
  ['sigmoid', 'Sigmoid'],
  ['tanh', 'Tanh'],
  ['elu', 'Elu'],
  ['selu', 'Selu'],
  ['softplus', 'Softplus'],
  ['softsign', 'Softsign'],
  ['exponential', 'Exp'],
]);

const others = new Map<string, Scalar>([
  ['hard_sigmoid', parseScalar('min(max(0.2 * a0 + 0.5, 0), 1)')],
  ['swish', parseScalar('a0 * sigmoid(a0)')],
  ['silu', parseScalar('a0 * sigmoid(a0)')],
  ['mish', parseScalar('a0 * tanh(relu(a0) + log(1 + exp(neg(abs(a0)))))')],
  ['leaky_relu', leakyRelu(0.2)],
]);

/** The activation of a word, which Keras writes in either case. @throws {EspalierError} UNSUPPORTED_USE */
export function activated(site: LayerSite, x: Node, word: string): Node {
  const { b } = site;
  const name = word.replace(/(?<=[a-z0-9])([A-Z])/g, '_$1').toLowerCase();
  if (name === 'linear') return x;
  if (name === 'softmax') return b.softmax(x, { axis: x.type.shape.length - 1 });
  if (name === 'log_softmax') return b.logSoftmax(x, { axis: x.type.shape.length - 1 });
  if (name === 'gelu') return b.gelu(x, { approximate: 'none' });
  if (name === 'gelu_new') return b.gelu(x, { approximate: 'tanh' });
  const known = names.get(name) ?? names.get(name.replace('_', ''));
  const expr = known === undefined ? others.get(name) : unaryScalars.get(known);
  if (!expr) throw site.unsupported(`activation ${word}`);
  return b.map([x], { expr });
}
