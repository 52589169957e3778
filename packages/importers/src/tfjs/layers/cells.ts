// Cells of recurrent layers: what a step makes of its operand and the state.

import type { Node } from '@espalier/ir';
import { sliceAxis } from '../../tensorflow/room.ts';
import { conv2d, type Slide } from '../../tensorflow/windows.ts';
import { asList, asRecord, asText, field, type Json } from '../json.ts';
import { activated, flagOf, type LayerSite, numberOf, wordOf } from './layer.ts';
import { slideOf } from './slide.ts';

/** A cell; the first part of its state is its output. */
export interface Cell {
  /** Shapes of the parts of its state, for a step's operand of this shape. */
  states(operand: readonly number[]): number[][];
  /** What the operands of all steps, one behind the other along the batch, become before any step. */
  project(operands: Node): Node;
  /** The state after a step, for its projected operand. */
  step(operand: Node, state: readonly Node[]): Node[];
}

type MakeCell = (site: LayerSite) => Cell;

/** Equal parts of the last axis. */
function parts(site: LayerSite, x: Node, count: number): Node[] {
  const axis = x.type.shape.length - 1;
  const size = x.type.shape[axis]! / count;
  return Array.from({ length: count }, (_, i) => sliceAxis(site, x, axis, i * size, size));
}

const gate = (site: LayerSite, x: Node): Node =>
  activated(site, x, wordOf(site, 'recurrent_activation', 'hard_sigmoid'));

const shown = (site: LayerSite, x: Node): Node =>
  activated(site, x, wordOf(site, 'activation', 'tanh'));

const dot = ({ b }: LayerSite, x: Node, w: Node): Node => b.matmul(x, w);

/** `x · W + b`, of a bias that may have a row for the operand and one for the state. */
function projected(site: LayerSite, x: Node): Node {
  const product = dot(site, x, site.weight('kernel'));
  if (!flagOf(site, 'use_bias', true)) return product;
  const bias = site.weight('bias');
  const own = bias.type.shape.length === 2 ? sliceAxis(site, bias, 0, 0, 1) : bias;
  return site.b.scalar('add', product, own);
}

const flat = (site: LayerSite, count: number): Pick<Cell, 'states' | 'project'> => {
  const units = numberOf(site, 'units', 1);
  return {
    states: ([n = 1]) => Array.from({ length: count }, () => [n, units]),
    project: (x) => projected(site, x),
  };
};

/** `h' = f(x·W + h·R)`. */
const simple: MakeCell = (site) => ({
  ...flat(site, 1),
  step(x, [h]) {
    const recurrent = dot(site, h!, site.weight('recurrent_kernel'));
    return [shown(site, site.b.scalar('add', x, recurrent))];
  },
});

/** Gates i, f, c, o: `c' = f·c + i·g`, `h' = o·φ(c')` [Hochreiter 1997]. */
function gates(site: LayerSite, sum: Node, c: Node): Node[] {
  const { b } = site;
  const [zi, zf, zc, zo] = parts(site, sum, 4);
  const fresh = b.scalar('mul', gate(site, zi!), shown(site, zc!));
  const carry = b.scalar('add', b.scalar('mul', gate(site, zf!), c), fresh);
  return [b.scalar('mul', gate(site, zo!), shown(site, carry)), carry];
}

const lstm: MakeCell = (site) => ({
  ...flat(site, 2),
  step(x, [h, c]) {
    const recurrent = dot(site, h!, site.weight('recurrent_kernel'));
    return gates(site, site.b.scalar('add', x, recurrent), c!);
  },
});

/** Gates z, r, h: `h' = z·h + (1 − z)·g`; the reset acts before the product or after it [Cho 2014]. */
const gru: MakeCell = (site) => ({
  ...flat(site, 1),
  step(x, state) {
    const { b } = site;
    const h = state[0]!; // a cell has a state
    const after = flagOf(site, 'reset_after', false);
    const kernel = site.weight('recurrent_kernel');
    const units = numberOf(site, 'units', 1);
    const [xz, xr, xh] = parts(site, x, 3);
    const early = sliceAxis(site, kernel, 1, 0, 2 * units);
    const product = dot(site, h, after ? kernel : early);
    const bias = after && flagOf(site, 'use_bias', true) ? site.weight('bias') : undefined;
    const own = bias?.type.shape.length === 2 ? sliceAxis(site, bias, 0, 1, 1) : undefined;
    const [hz, hr, hh] = parts(site, own ? b.scalar('add', product, own) : product, after ? 3 : 2);
    const update = gate(site, b.scalar('add', xz!, hz!));
    const reset = gate(site, b.scalar('add', xr!, hr!));
    const late = sliceAxis(site, kernel, 1, 2 * units, units);
    const inner = after ? b.scalar('mul', reset, hh!) : dot(site, b.scalar('mul', reset, h), late);
    const fresh = shown(site, b.scalar('add', xh!, inner));
    const rest = b.scalar('mul', b.scalar('sub', b.value(1), update), fresh);
    return [b.scalar('add', b.scalar('mul', update, h), rest)];
  },
});

/** An LSTM whose products are convolutions over images. */
const convLstm: MakeCell = (site) => {
  const { b } = site;
  const project = (x: Node): Node => {
    const bias = flagOf(site, 'use_bias', true) ? site.weight('bias') : undefined;
    return conv2d(site, { x, filter: site.weight('kernel'), bias }, slideOf(site));
  };
  const still: Slide = {
    format: 'NHWC',
    stride: [1, 1],
    dilation: [1, 1],
    padding: 'SAME',
  };
  return {
    states([n = 1, ...rest]) {
      const probe = b.expand(b.value(0), { shape: [n, ...rest] });
      const shape = project(probe).type.shape;
      const own = [...shape.slice(0, -1), shape.at(-1)! / 4];
      return [own, own];
    },
    project,
    step(x, [h, c]) {
      const recurrent = conv2d(site, { x: h!, filter: site.weight('recurrent_kernel') }, still);
      return gates(site, b.scalar('add', x, recurrent), c!);
    },
  };
};

/** Cells one above the other; their states stand in the opposite order. */
function stacked(cells: readonly Cell[]): Cell {
  const [first] = cells as readonly [Cell]; // `cellOf` has counted them
  const countsOf = (operand: readonly number[]) => {
    let shape = operand;
    return cells.map((cell) => {
      const own = cell.states(shape);
      shape = own[0]!; // a cell has a state
      return own;
    });
  };
  return {
    states: (operand) => countsOf(operand).reverse().flat(),
    project: (x) => first.project(x),
    step(x, state) {
      let left = state.length;
      let operand = x;
      const after: Node[][] = [];
      cells.forEach((cell, i) => {
        // The shape of the operand does not change how many parts a state has.
        const count = cell.states(operand.type.shape).length;
        left -= count;
        const own = cell.step(
          i === 0 ? operand : cell.project(operand),
          state.slice(left, left + count),
        );
        operand = own[0]!; // as above
        after.push(own);
      });
      return after.reverse().flat();
    },
  };
}

const cells: Readonly<Record<string, MakeCell>> = {
  ConvLSTM2D: convLstm,
  ConvLSTM2DCell: convLstm,
  GRU: gru,
  GRUCell: gru,
  LSTM: lstm,
  LSTMCell: lstm,
  SimpleRNN: simple,
  SimpleRNNCell: simple,
};

/** The cell of a class. @throws {EspalierError} UNSUPPORTED_USE */
function made(site: LayerSite, className: string): Cell {
  const make = Object.hasOwn(cells, className) ? cells[className] : undefined;
  if (!make) throw site.unsupported(`the cell ${className}`);
  return make(site);
}

/** The cell of a recurrent layer: its own, or those of `RNN`. @throws {EspalierError} UNSUPPORTED_USE, BAD_MODEL */
export function cellOf(site: LayerSite): Cell {
  if (site.className !== 'RNN') return made(site, site.className);
  const single = field(site.config, 'cell');
  const listed = field(site.config, 'cells');
  const several = (value: Json): readonly Json[] => {
    const record = asRecord(value, 'a cell', site.at);
    if (field(record, 'class_name') !== 'StackedRNNCells') return [record];
    const config = asRecord(field(record, 'config'), 'the cells', site.at);
    return asList(field(config, 'cells'), 'the cells', site.at);
  };
  const list = listed === undefined ? several(single ?? null) : asList(listed, 'cells', site.at);
  const found = list.map((value, i) => {
    const record = asRecord(value, 'a cell', site.at);
    const config = asRecord(field(record, 'config') ?? {}, 'the configuration of a cell', site.at);
    const named = field(config, 'name');
    const names = [`RNNCell_${i}`, ...(typeof named === 'string' ? [named] : [])];
    const className = asText(field(record, 'class_name'), 'the class of a cell', site.at);
    return made(site.inside({ className, config, names }), className);
  });
  if (found.length === 0) throw site.bad('a recurrent layer without a cell');
  return found.length === 1 ? found[0]! : stacked(found);
}
