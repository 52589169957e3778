// Operators whose result is known at import: constants, shapes and ranges.

import { allocate, type DType, elementCount, type Node, type Tensor } from '@espalier/ir';
import type { Importers, Site } from '../importer.ts';
import { checkDims, checkTensor, decodeTensor } from '../tensors.ts';

const vector = (dtype: DType, values: readonly number[], rank: 0 | 1): Tensor => {
  const type = { dtype, shape: rank === 0 ? [] : [values.length] };
  const data = allocate(type);
  data.set(values);
  return { type, data };
};

function constant(site: Site): Node {
  const { attributes, b } = site;
  const tensor = attributes.tensor('value');
  if (tensor !== undefined) {
    const header = checkTensor(tensor, site.at);
    if (!header.filled) throw site.bad('the constant has no data');
    return b.constant(decodeTensor(tensor, header, site.at).tensor);
  }
  if (attributes.has('value_float'))
    return b.constant(vector('f32', [attributes.float('value_float')], 0));
  if (attributes.has('value_int'))
    return b.constant(vector('i32', [attributes.int('value_int')], 0));
  const floats = attributes.floats('value_floats');
  if (floats !== undefined) return b.constant(vector('f32', floats, 1));
  const ints = attributes.ints('value_ints');
  if (ints !== undefined) return b.constant(vector('i32', ints, 1));
  throw site.unsupported('constants of strings and sparse constants have no importer');
}

/** A single number repeated; stored once, whatever the shape. */
function constantOfShape(site: Site): Node {
  const shape = checkDims(site.requiredInts(0).map(BigInt), 'the shape', site.at);
  const tensor = site.attributes.tensor('value');
  if (tensor === undefined) return site.b.expand(site.b.value(0), { shape });
  const header = checkTensor(tensor, site.at);
  if (!header.filled || elementCount(header.shape) !== 1)
    throw site.bad('the value is not a single number');
  const { type, data } = decodeTensor(tensor, header, site.at).tensor;
  return site.b.expand(site.b.value(data[0]!, type.dtype), { shape });
}

/** The shape from `start` to `end`, both of which are clamped. */
function shapeOf(site: Site): Node {
  const { shape } = site.input(0).type;
  const clamp = (axis: number) =>
    Math.max(0, Math.min(shape.length, axis < 0 ? axis + shape.length : axis));
  const start = clamp(site.attributes.int('start', 0));
  const end = clamp(site.attributes.int('end', shape.length));
  return site.b.constant(vector('i32', shape.slice(start, Math.max(start, end)), 1));
}

function range(site: Site): Node {
  const [from, to, step] = [0, 1, 2].map((i) => {
    const number = site.constant(i)?.data;
    if (number?.length !== 1) throw site.bad('Range takes three numbers');
    return number[0]!;
  }) as [number, number, number]; // one for each of the three
  if (step === 0) throw site.bad('Range has a step of 0');
  const count = Math.max(0, Math.ceil((to - from) / step));
  const type = { dtype: site.input(0).type.dtype, shape: [site.claim(count, 'Range')] };
  const data = allocate(type);
  for (let i = 0; i < data.length; i++) data[i] = from + i * step;
  return site.b.constant({ type, data });
}

/** Results that depend on shapes and attributes only, by ONNX name. */
export const constants: Importers = {
  Constant: {
    element: ({ attributes }) => attributes.tensor('value')?.dataType,
    import: constant,
  },
  ConstantOfShape: { import: constantOfShape },
  Range: { import: range },
  Shape: { moves: true, import: shapeOf },
  Size: {
    moves: true,
    import: (site) => site.b.value(elementCount(site.input(0).type.shape), 'i32'),
  },
};
