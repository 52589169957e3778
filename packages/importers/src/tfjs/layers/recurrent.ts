// Recurrent layers: their steps one after the other, over operands that are projected at once.

import type { Node } from '@espalier/ir';
import { sliceAxis } from '../../tensorflow/room.ts';
import { asRecord, asText, field } from '../json.ts';
import { cellOf } from './cells.ts';
import { type CustomLayer, type CustomLayers, flagOf, type LayerSite, wordOf } from './layer.ts';

/** Steps `[T, N, …]` to `[N, T, …]`, and the way back. */
const swapped = ({ b }: LayerSite, x: Node): Node =>
  b.transpose(x, { perm: [1, 0, ...x.type.shape.slice(2).map((_, i) => i + 2)] });

const recurrent: CustomLayer = (site) => {
  const { b } = site;
  const x = site.input(0);
  const [n, steps, ...rest] = x.type.shape;
  if (n === undefined || steps === undefined || rest.length === 0 || steps < 1)
    throw site.bad(`a sequence of [${x.type.shape.join(', ')}]`);
  if (flagOf(site, 'stateful', false)) throw site.unsupported('a state that outlives a call');
  site.claim(64 * steps, 'the steps of a recurrent layer');
  const cell = cellOf(site);
  const shapes = cell.states([n, ...rest]);
  const given = site.inputs.slice(1);
  if (given.length !== 0 && given.length !== shapes.length)
    throw site.unsupported(`${given.length} operands beside the sequence`);
  let state = shapes.map((shape, i) => given[i] ?? b.expand(b.value(0), { shape }));
  const flat = b.reshape(swapped(site, x), { shape: [steps * n, ...rest] });
  const projected = cell.project(flat);
  const mask = site.maskOf(x);
  const back = flagOf(site, 'go_backwards', false);
  const outputs: Node[] = [];
  for (let i = 0; i < steps; i++) {
    const t = back ? steps - 1 - i : i;
    const after = cell.step(sliceAxis(site, projected, 0, t * n, n), state);
    state = mask ? held(site, sliceAxis(site, mask, 1, t, 1), after, state) : after;
    outputs.push(state[0]!); // a cell has a state
  }
  const sequences = flagOf(site, 'return_sequences', false);
  const last = outputs[steps - 1]!;
  const lined = () =>
    b.concat(
      outputs.map((y) => b.reshape(y, { shape: [n, 1, ...y.type.shape.slice(1)] })),
      { axis: 1 },
    );
  const y = sequences ? lined() : last;
  // Of the steps as they came, also where the layer went backwards: so does Keras.
  if (mask && sequences) site.setMask(y, mask);
  return flagOf(site, 'return_state', false) ? [y, ...state] : y;
};

/** A step that is masked leaves the state as it was. */
function held(site: LayerSite, on: Node, after: readonly Node[], before: readonly Node[]): Node[] {
  const { b } = site;
  return after.map((part, i) => {
    const [n = 1, ...rest] = part.type.shape;
    const condition = b.reshape(on, { shape: [n, ...rest.map(() => 1)] });
    return b.scalar('select', condition, part, before[i]!); // as many as after
  });
}

/** The steps in the opposite order. */
const reversed = ({ b }: LayerSite, x: Node): Node =>
  b.slice(x, {
    starts: x.type.shape.map((extent, axis) => (axis === 1 ? Math.max(0, extent - 1) : 0)),
    sizes: x.type.shape,
    steps: x.type.shape.map((_, axis) => (axis === 1 ? -1 : 1)),
  });

/** One layer over the sequence and one over its opposite. */
const bidirectional: CustomLayer = (site) => {
  const { b } = site;
  const inner = asRecord(field(site.config, 'layer'), 'the layer of a Bidirectional', site.at);
  const other = field(site.config, 'backward_layer');
  const half = (record: typeof inner, side: 'forward' | 'backward', states: readonly Node[]) => {
    const config = asRecord(field(record, 'config'), 'its configuration', site.at);
    const name = asText(field(config, 'name') ?? '', 'its name', site.at);
    const turned = field(config, 'go_backwards') === true;
    const own = side === 'backward' && other === undefined ? !turned : turned;
    const prefixed = name.startsWith(`${side}_`) ? name : `${side}_${name}`;
    return site.call(
      { ...record, config: { ...config, go_backwards: own } },
      [prefixed, ...(other === undefined ? [] : [name])],
      [site.input(0), ...states],
    );
  };
  const states = site.inputs.slice(1);
  const middle = states.length / 2;
  if (!Number.isInteger(middle)) throw site.bad(`${states.length} states in two halves`);
  const [y, ...after] = half(inner, 'forward', states.slice(0, middle));
  const second = other === undefined ? inner : asRecord(other, 'backward_layer', site.at);
  const [z, ...before] = half(second, 'backward', states.slice(middle));
  const config = asRecord(field(inner, 'config'), 'its configuration', site.at);
  const sequences = field(config, 'return_sequences') === true;
  const aligned = sequences ? reversed(site, z!) : z!;
  const mode =
    field(site.config, 'merge_mode') === undefined ? 'null' : wordOf(site, 'merge_mode', '');
  const joined = ((): Node[] => {
    switch (mode) {
      case 'concat':
        return [b.concat([y!, aligned], { axis: y!.type.shape.length - 1 })];
      case 'sum':
        return [b.scalar('add', y!, aligned)];
      case 'ave':
        return [b.scalar('mul', b.scalar('add', y!, aligned), b.value(0.5))];
      case 'mul':
        return [b.scalar('mul', y!, aligned)];
      case 'null':
        return [y!, aligned];
      default:
        throw site.unsupported(`merge_mode ${mode}`);
    }
  })();
  return [...joined, ...after, ...before];
};

/** A layer over each step on its own. */
const timeDistributed: CustomLayer = (site) => {
  const { b } = site;
  const x = site.input(0);
  const [n, steps, ...rest] = x.type.shape;
  if (n === undefined || steps === undefined)
    throw site.bad(`a sequence of [${x.type.shape.join(', ')}]`);
  const inner = asRecord(field(site.config, 'layer'), 'the layer of a TimeDistributed', site.at);
  const config = asRecord(field(inner, 'config') ?? {}, 'its configuration', site.at);
  const name = asText(field(config, 'name') ?? '', 'its name', site.at);
  const [y] = site.call(inner, [name], [b.reshape(x, { shape: [n * steps, ...rest] })]);
  return b.reshape(y!, { shape: [n, steps, ...y!.type.shape.slice(1)] });
};

/** Recurrent layers and wrappers, by class. */
export const recurrents: CustomLayers = {
  Bidirectional: bidirectional,
  ConvLSTM2D: recurrent,
  GRU: recurrent,
  LSTM: recurrent,
  RNN: recurrent,
  SimpleRNN: recurrent,
  TimeDistributed: timeDistributed,
};
