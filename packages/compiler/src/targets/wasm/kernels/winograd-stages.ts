// The three stages of a Winograd convolution, over one block of tiles at a time.

import type { Scalar } from '@espalier/ir';
import type { View } from '../../../plan/view.ts';
import type { Assembler, Expr, Local } from '../assembler.ts';
import { nest } from '../walk.ts';
import { extraOf, finish } from './epilogue.ts';
import { blockLanes, emitTiles, type TableTaps } from './tile.ts';
import type { WinogradPlan } from './winograd-plan.ts';
import { roundingStage, stepBytes } from './winograd-rounding.ts';
import type { WinogradForm } from './winograd-transforms.ts';

/** Bytes from the biases to the scales of outputs. */
const scalesAt = ({ outputs }: Pick<WinogradPlan, 'outputs'>): number =>
  4 * blockLanes * Math.ceil(outputs / blockLanes);

/** What the stages have to know. */
export interface WinogradSpec {
  readonly form: WinogradForm;
  readonly plan: WinogradPlan;
  readonly x: View;
  readonly y: View;
  readonly extras: readonly View[];
  readonly epilogue: Scalar | undefined;
  /** Inputs of a block of outputs, on average. */
  readonly meanTaps: number;
  /** What the largest factor of each position becomes, where products are those of integers. */
  readonly levels?: number;
}

/**
 * Statement: the whole convolution. Pointers: [x, weights, factors, products, scratch, bias, y,
 * ...extras], and for sparse weights [counts, offsets] of the inputs that each block of outputs keeps, for integers
 * [norms, steps] of the positions; then the bias is followed by the scales of the outputs.
 */
export function emitWinograd(asm: Assembler, spec: WinogradSpec, pointers: readonly Local[]): Expr {
  const { form, plan, x, y, extras } = spec;
  const { m } = form;
  const [from, weights, factors, products, scratch, bias, to, ...rest] = pointers as Seven;
  const own = rest.slice(0, extras.length);
  const others = rest.slice(extras.length);
  const rounding = spec.levels ? (others.splice(-2) as [Local, Local]) : undefined;
  const [counts, offsets] = others;
  const table = counts && offsets ? { counts, offsets, meanTaps: spec.meanTaps } : undefined;
  const moving = [from, to, ...own];
  const views = [x, y, ...extras];
  const [row, column] = [asm.i32Local(), asm.i32Local()];
  const [atRow, atColumn] = [asm.i32Local(), asm.i32Local()];
  const heads = moving.map(() => asm.i32Local());
  const { blockRows, blockColumns, tileRows, tileColumns, images } = plan;

  /** The first tile of a block: the last block begins early enough to be whole. */
  const clamped = (counter: Local, last: number): Expr =>
    last <= 0
      ? asm.i32(0)
      : asm.op(
          'select',
          asm.i32(last),
          counter.get,
          asm.op('i32.gt_s', counter.get, asm.i32(last)),
        );
  const scaled = (value: Expr, by: number) => asm.op('i32.mul', value, asm.i32(by));
  const place = heads.map((head, i) => {
    const [, , h, w] = views[i]!.strides as [number, number, number, number];
    return head.set(
      asm.op(
        'i32.add',
        moving[i]!.get,
        asm.op('i32.add', scaled(atRow.get, 4 * m * h), scaled(atColumn.get, 4 * m * w)),
      ),
    );
  });
  const block = asm.seq(
    ...place,
    inputStage(asm, spec, heads[0]!, factors, scratch),
    ...(rounding ? [roundingStage(asm, spec, factors, ...rounding)] : []),
    productStage(asm, spec, factors, weights, products, table, rounding?.[1]),
    outputStage(
      asm,
      spec,
      products,
      scratch,
      bias,
      [heads[1]!, ...heads.slice(2)],
      atRow,
      atColumn,
    ),
  );
  const covered = (extent: number, size: number) => Math.ceil(extent / size) * size;
  const overBlocks = asm.range(
    row,
    0,
    covered(tileRows, blockRows),
    blockRows,
    asm.seq(
      atRow.set(clamped(row, tileRows - blockRows)),
      asm.range(
        column,
        0,
        covered(tileColumns, blockColumns),
        blockColumns,
        asm.seq(atColumn.set(clamped(column, tileColumns - blockColumns)), block),
      ),
    ),
  );
  const image = { extent: images, steps: views.map(({ strides }) => 4 * strides[0]!) };
  return images === 1 ? overBlocks : nest(asm, [image], moving, overBlocks);
}

type Seven = [Local, Local, Local, Local, Local, Local, Local, ...Local[]];

/** Bᵀ x B for every tile of the block and every four channels. */
function inputStage(
  asm: Assembler,
  { form, plan, x }: WinogradSpec,
  head: Local,
  factors: Local,
  scratch: Local,
): Expr {
  const { m, n } = form;
  const [, , xh, xw] = x.strides.map((step) => 4 * step) as Four;
  const vectors = Math.ceil(plan.inputs / 4);
  const held = Array.from({ length: n }, () => asm.v128Local());
  const [from, to] = [asm.i32Local(), asm.i32Local()];
  const [source, target, line] = [asm.i32Local(), asm.i32Local(), asm.i32Local()];

  const loadAll = (pointer: Local, step: number) =>
    held.map((vector, i) => vector.set(asm.load('v128.load', pointer.get, i * step)));
  const transformed = (pointer: Local, step: number): Expr => {
    const { shared, results } = form.input(asm, held);
    return asm.seq(
      ...shared,
      ...results.map((value, i) => asm.store('v128.store', pointer.get, value, i * step)),
    );
  };
  const columns = asm.seq(
    source.set(from.get),
    line.set(scratch.get),
    nest(
      asm,
      [{ extent: n, steps: [xw, 16] }],
      [source, line],
      asm.seq(...loadAll(source, xh), transformed(line, 16 * n)),
    ),
  );
  const rows = asm.seq(
    target.set(to.get),
    line.set(scratch.get),
    nest(
      asm,
      [{ extent: n, steps: [n * plan.factorStep, 16 * n] }],
      [target, line],
      asm.seq(...loadAll(line, 16), transformed(target, plan.factorStep)),
    ),
  );
  return asm.seq(
    from.set(head.get),
    to.set(factors.get),
    nest(
      asm,
      [
        { extent: plan.blockRows, steps: [m * xh, plan.blockColumns * plan.factorTileStep] },
        { extent: plan.blockColumns, steps: [m * xw, plan.factorTileStep] },
        { extent: vectors, steps: [16, 16] },
      ],
      [from, to],
      asm.seq(columns, rows),
    ),
  );
}

/** The n² matrix products. */
function productStage(
  asm: Assembler,
  { form, plan }: WinogradSpec,
  factors: Local,
  weights: Local,
  products: Local,
  table: TableTaps | undefined,
  steps: Local | undefined,
): Expr {
  const pointers = [asm.i32Local(), asm.i32Local(), asm.i32Local(), asm.i32Local()] as const;
  const [v, u, , p] = pointers;
  const step = steps && asm.i32Local();
  // Words hold two integers.
  const tileStep = plan.factorTileStep / (step ? 2 : 1);
  const inputs = plan.inputs / (step ? 2 : 1);
  const positions = {
    extent: form.n * form.n,
    steps: [plan.factorStep, plan.weightStep, 0, plan.productStep, stepBytes],
  };
  return asm.seq(
    v.set(factors.get),
    u.set(weights.get),
    p.set(products.get),
    ...(step ? [step.set(asm.op('i32.add', steps.get, asm.i32(16)))] : []),
    nest(
      asm,
      [positions],
      step ? [...pointers, step] : pointers,
      emitTiles(
        asm,
        {
          outer: [],
          fixedLoops: 0,
          pixels: plan.blockRows * plan.blockColumns,
          xPixelStep: tileStep,
          yPixelStep: plan.productTileStep,
          taps: table ?? {
            loops: [{ extent: inputs, step: 4 }],
            wTapStep: 4 * blockLanes,
            wBlockStep: 4 * blockLanes * inputs,
          },
          outputs: plan.outputs,
          hasBias: false,
          inputStep: step,
          extras: [],
          epilogue: undefined,
          blocksOutside: true,
        },
        pointers,
      ),
    ),
  );
}

/** Aᵀ p A for every tile and every four outputs, the bias, the epilogue, and only what lies inside. */
function outputStage(
  asm: Assembler,
  { form, plan, y, extras: views, epilogue, levels }: WinogradSpec,
  products: Local,
  scratch: Local,
  bias: Local,
  heads: readonly Local[],
  atRow: Local,
  atColumn: Local,
): Expr {
  const { m, n } = form;
  const [, , yh, yw] = y.strides.map((step) => 4 * step) as Four;
  const specs = views.map(extraOf);
  const held = Array.from({ length: n }, () => asm.v128Local());
  const sums = Array.from({ length: m }, () => asm.v128Local());
  const start = asm.v128Local();
  const scale = levels ? asm.v128Local() : undefined;
  const tops = heads.map(() => asm.i32Local());
  const rowsAt = heads.map(() => asm.i32Local());
  const [from, biasAt, source, line, stop, scratchAt] = Array.from({ length: 6 }, () =>
    asm.i32Local(),
  ) as [Local, Local, Local, Local, Local, Local];
  const [tileRow, tileColumn] = [asm.i32Local(), asm.i32Local()];

  const half = asm.seq(
    source.set(from.get),
    line.set(scratch.get),
    nest(
      asm,
      [{ extent: n, steps: [plan.productStep, 16] }],
      [source, line],
      asm.seq(
        ...held.map((vector, i) =>
          vector.set(asm.load('v128.load', source.get, i * n * plan.productStep)),
        ),
        (() => {
          const { shared, results } = form.output(asm, held);
          return asm.seq(
            ...shared,
            ...results.map((value, i) => asm.store('v128.store', line.get, value, i * 16 * n)),
          );
        })(),
      ),
    ),
  );
  const rowSteps = [yh, ...views.map(({ strides }) => 4 * strides[2]!)];
  /** The rows of a tile, the first `columns` pixels of each. */
  const rows = (columns: number, lanes: number): Expr => {
    const { shared, results } = form.output(asm, held);
    return asm.seq(
      start.set(asm.load('v128.load', biasAt.get)),
      scale ? scale.set(asm.load('v128.load', biasAt.get, scalesAt(plan))) : asm.seq(),
      line.set(scratch.get),
      ...rowsAt.map((pointer, i) => pointer.set(tops[i]!.get)),
      asm.until(
        line,
        stop.get,
        asm.seq(
          ...held.map((vector, i) => vector.set(asm.load('v128.load', line.get, 16 * i))),
          ...shared,
          ...results
            .slice(0, columns)
            .map((value, i) =>
              sums[i]!.set(
                scale
                  ? asm.fma(start.get, value, scale.get)
                  : asm.op('f32x4.add', value, start.get),
              ),
            ),
          finish(
            asm,
            { yPixelStep: yw, extras: specs, epilogue },
            rowsAt[0]!,
            rowsAt.slice(1),
            columns,
            lanes,
            (pixel) => sums[pixel]!,
            scratchAt,
          ),
          line.advance(16 * n),
          ...rowsAt.map((pointer, i) => pointer.advance(rowSteps[i]!)),
        ),
        m,
      ),
    );
  };
  const edge = plan.columns - (plan.tileColumns - 1) * m;
  const isLast = asm.op(
    'i32.eq',
    asm.op('i32.add', atColumn.get, tileColumn.get),
    asm.i32(plan.tileColumns - 1),
  );
  const tile = (lanes: number): Expr =>
    asm.seq(
      half,
      edge === m ? rows(m, lanes) : asm.when(isLast, rows(edge, lanes), rows(m, lanes)),
    );

  // The rows of a tile that lie inside.
  const inside = asm.op(
    'i32.sub',
    asm.i32(plan.rows),
    asm.op('i32.mul', asm.op('i32.add', atRow.get, tileRow.get), asm.i32(m)),
  );
  const setStop =
    plan.rows % m === 0
      ? stop.set(asm.op('i32.add', scratch.get, asm.i32(16 * n * m)))
      : asm.seq(
          stop.set(inside),
          stop.set(
            asm.op('select', asm.i32(m), stop.get, asm.op('i32.gt_s', stop.get, asm.i32(m))),
          ),
          stop.set(asm.op('i32.add', scratch.get, asm.op('i32.mul', stop.get, asm.i32(16 * n)))),
        );
  const [whole, rest] = [Math.floor(plan.outputs / 4), plan.outputs % 4];
  const laneSteps = [16, ...specs.map(({ laneStep }) => 4 * laneStep)];
  const overChannels = asm.seq(
    biasAt.set(bias.get),
    nest(asm, [{ extent: whole, steps: [16, 16, ...laneSteps] }], [from, biasAt, ...tops], tile(4)),
    rest > 0 ? tile(rest) : asm.seq(),
    from.advance(-16 * whole),
    ...tops.map((pointer, i) => pointer.advance(-whole * laneSteps[i]!)),
  );
  const along = (axis: 2 | 3) => [y, ...views].map(({ strides }) => 4 * m * strides[axis]!);
  const acrossColumns = along(3);
  const acrossRows = along(2);
  return asm.seq(
    from.set(products.get),
    ...tops.map((pointer, i) => pointer.set(heads[i]!.get)),
    asm.range(
      tileRow,
      0,
      plan.blockRows,
      1,
      asm.seq(
        setStop,
        asm.range(
          tileColumn,
          0,
          plan.blockColumns,
          1,
          asm.seq(
            overChannels,
            from.advance(plan.productTileStep),
            ...tops.map((pointer, i) => pointer.advance(acrossColumns[i]!)),
          ),
        ),
        ...tops.map((pointer, i) =>
          pointer.advance(acrossRows[i]! - plan.blockColumns * acrossColumns[i]!),
        ),
      ),
    ),
  );
}

type Four = [number, number, number, number];
