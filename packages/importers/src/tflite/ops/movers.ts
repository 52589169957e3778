// Operators that move elements, or pick them by index. Codes stay codes.

import type { Node } from '@espalier/ir';
import { borrow } from '../../tensorflow/borrow.ts';
import { integers } from '../../tensorflow/room.ts';
import type { Operator, Operators, Site } from '../operator.ts';
import type { Options } from '../options.ts';
import { same, through } from './tensorflow.ts';

/** Operators that are TensorFlow's as they stand. */
const plain = {
  BATCH_TO_SPACE_ND: 'BatchToSpaceND',
  BROADCAST_TO: 'BroadcastTo',
  EXPAND_DIMS: 'ExpandDims',
  FILL: 'Fill',
  GATHER_ND: 'GatherNd',
  PAD: 'Pad',
  PADV2: 'PadV2',
  RANGE: 'Range',
  RANK: 'Rank',
  REVERSE_V2: 'ReverseV2',
  SCATTER_ND: 'ScatterNd',
  SHAPE: 'Shape',
  SLICE: 'Slice',
  SPACE_TO_BATCH_ND: 'SpaceToBatchND',
  SPARSE_TO_DENSE: 'SparseToDense',
  SPLIT_V: 'SplitV',
  TILE: 'Tile',
  TOPK_V2: 'TopKV2',
  TRANSPOSE: 'Transpose',
} as const;

const moves = (options: Options, run: Operator['import']): Operator => ({
  options,
  moves: true,
  import: run,
});

/** The shape is an operand, or an option of older files. */
function reshape(site: Site): Node | readonly Node[] {
  if (site.optional(1)) return through('Reshape', site, [site.input(0), site.input(1)]);
  const shape = site.attributes.ints('new_shape') ?? site.result(0).shape;
  return through('Reshape', site, [site.input(0), integers(site, shape)]);
}

function stridedSlice(site: Site): Node | readonly Node[] {
  if (site.attributes.flag('offset', false))
    throw site.unsupported('an end that counts from begin');
  return through('StridedSlice', site, [0, 1, 2, 3].map(site.input));
}

/** An axis among the operands of TensorFlow's operator. */
const axisOf = (site: Site): Node => integers(site, [site.attributes.int('axis', 0)]);

const block: Options['fields'] = { block_size: [0, 'int32'] };

/** Operators that move elements, by name. */
export const movers: Operators = {
  ...Object.fromEntries(
    Object.entries(plain).map(([own, name]) => [own, same(name, { moves: true })]),
  ),
  CONCATENATION: moves(
    { table: 10, fields: { axis: [0, 'int32'], activation: [1, 'int8'] } },
    (site) => through('ConcatV2', site, [...site.inputs, axisOf(site)]),
  ),
  DEPTH_TO_SPACE: same('DepthToSpace', { moves: true, options: { table: 94, fields: block } }),
  EMBEDDING_LOOKUP: {
    moves: true,
    import: (site) => site.b.gather(site.input(1), site.input(0), { axis: 0 }),
  },
  GATHER: moves({ table: 23, fields: { axis: [0, 'int32'], batch_dims: [1, 'int32'] } }, (site) =>
    through('GatherV2', site, [site.input(0), site.input(1), axisOf(site)]),
  ),
  MIRROR_PAD: same('MirrorPad', {
    moves: true,
    options: { table: 77, fields: { mode: [0, ['REFLECT', 'SYMMETRIC']] } },
  }),
  ONE_HOT: same('OneHot', { moves: true, options: { table: 61, fields: { axis: [0, 'int32'] } } }),
  PACK: same('Pack', { moves: true, options: { table: 59, fields: { axis: [1, 'int32'] } } }),
  RESHAPE: moves({ table: 17, fields: { new_shape: [0, 'int32s'] } }, reshape),
  RESIZE_BILINEAR: same('ResizeBilinear', {
    options: {
      table: 15,
      fields: { align_corners: [2, 'int8'], half_pixel_centers: [3, 'int8'] },
    },
  }),
  RESIZE_NEAREST_NEIGHBOR: same('ResizeNearestNeighbor', {
    moves: true,
    options: {
      table: 74,
      fields: { align_corners: [0, 'int8'], half_pixel_centers: [1, 'int8'] },
    },
  }),
  REVERSE_SEQUENCE: moves(
    { table: 87, fields: { seq: [0, 'int32'], batch: [1, 'int32'] } },
    (site) =>
      borrow(site, 'ReverseSequence', [site.input(0), site.input(1)], {
        time_axis: site.attributes.int('seq', 0),
        batch_axis: site.attributes.int('batch', 0),
      }),
  ),
  SPACE_TO_DEPTH: same('SpaceToDepth', { moves: true, options: { table: 19, fields: block } }),
  SPLIT: same('Split', {
    moves: true,
    options: { table: 35, fields: { num_split: [0, 'int32'] } },
  }),
  SQUEEZE: same('Squeeze', {
    moves: true,
    options: { table: 30, fields: { squeeze_dims: [0, 'int32s'] } },
  }),
  STRIDED_SLICE: moves(
    {
      table: 32,
      fields: {
        begin_mask: [0, 'int32'],
        end_mask: [1, 'int32'],
        ellipsis_mask: [2, 'int32'],
        new_axis_mask: [3, 'int32'],
        shrink_axis_mask: [4, 'int32'],
        offset: [5, 'int8'],
      },
    },
    stridedSlice,
  ),
  UNPACK: same('Unpack', { moves: true, options: { table: 64, fields: { axis: [1, 'int32'] } } }),
};
