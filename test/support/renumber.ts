// Damage that the file format allows: one number, name or operator of a model becomes another.

import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type GraphProto,
  ModelProtoSchema,
  type TensorProto,
} from '../../packages/importers/src/onnx/proto/onnx_pb.ts';

const integers = [-1n, 0n, 1n, 7n, 65536n, 10n ** 9n, 2n ** 31n - 1n, -(2n ** 31n), 2n ** 63n - 1n];
const floats = [0, -1, 1e30, 1e-30, Number.NaN, Number.POSITIVE_INFINITY];
const hungry = ['Range', 'Tile', 'Pad', 'Resize', 'Expand', 'ConstantOfShape', 'MaxPool', 'Split'];

/** A model with one part of its meaning changed. */
export function renumber(bytes: Uint8Array, random: () => number): Uint8Array {
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];
  const replace = <T>(list: T[], value: T | undefined) => {
    if (list.length > 0 && value !== undefined) list[Math.floor(random() * list.length)] = value;
  };

  const changeData = (tensor: TensorProto) => {
    const raw = new Uint8Array(tensor.rawData);
    const view = new DataView(raw.buffer);
    if (tensor.dataType === 7 && raw.length >= 8)
      view.setBigInt64(8 * Math.floor((random() * raw.length) / 8), pick(integers)!, true);
    else if (tensor.dataType === 1 && raw.length >= 4)
      view.setFloat32(4 * Math.floor((random() * raw.length) / 4), pick(floats)!, true);
    tensor.rawData = raw;
  };

  const changes: readonly ((graph: GraphProto) => void)[] = [
    ({ node }) => {
      const attribute = pick(
        node.filter((n) => n.attribute.length > 0).flatMap((n) => n.attribute),
      );
      if (attribute === undefined) return;
      attribute.i = pick(integers)!;
      attribute.f = pick(floats)!;
      replace(attribute.ints, pick(integers));
      if (attribute.t) changeData(attribute.t);
    },
    ({ initializer }) => {
      const small = initializer.filter(({ dims }) => dims.length < 2);
      const tensor = pick(small);
      if (tensor) changeData(tensor);
    },
    ({ initializer }) => replace(pick(initializer)?.dims ?? [], pick(integers)),
    ({ node, input }) => {
      const other = pick([pick(node)?.output[0] ?? '', input[0]?.name ?? '', '']);
      replace(pick(node)?.input ?? [], other);
    },
    ({ node }) => {
      const changed = pick(node);
      if (changed) changed.opType = pick([...hungry, pick(node)?.opType ?? ''])!;
    },
    ({ input }) => {
      const type = input[0]?.type?.value;
      if (type?.case !== 'tensorType') return;
      const dim = pick(type.value.shape?.dim ?? []);
      if (dim) dim.value = { case: 'dimValue', value: pick(integers)! };
    },
  ];

  const model = fromBinary(ModelProtoSchema, bytes);
  if (model.graph) pick(changes)?.(model.graph);
  return toBinary(ModelProtoSchema, model);
}
