// TFLite's recurrent layers, against plain loops: LiteRT in a page takes no states.

import { importTflite } from '@espalier/importers';
import { evaluate, type Tensor } from '@espalier/ir';
import t from 'tap';
import { difference } from '../support/compare.ts';
import { seeded } from '../support/hostile.ts';
import { start } from '../support/run-compiled.ts';
import { type WrittenTensor, writeTflite } from '../support/write-tflite.ts';

/** Sums over 6 steps of products up to 2, in another order. */
const tolerance = { relative: 2e-5, absolute: 2e-5 };

const [steps, batch, inputs, hidden] = [6, 2, 5, 4];

const sigmoid = (value: number) => 1 / (1 + Math.exp(-value));

/** What the layer gives: weights of the input are tensors 1 to 4, of the state 5 to 8, biases 9 to 12; i, f, c, o. */
function loops(x: Tensor, tensors: readonly WrittenTensor[], timeMajor: boolean): Float32Array {
  const y = new Float32Array(steps * batch * hidden);
  for (let n = 0; n < batch; n++) {
    let h = new Array<number>(hidden).fill(0);
    const cell = [...h];
    for (let step = 0; step < steps; step++) {
      const row = timeMajor ? step * batch + n : n * steps + step;
      const gate = (which: number, k: number) => {
        const of = (first: number) => tensors[first + which]!.data as Float32Array; // floats, all of them
        let sum = of(9)[k]!;
        for (let i = 0; i < inputs; i++) sum += of(1)[k * inputs + i]! * x.data[row * inputs + i]!;
        for (let i = 0; i < hidden; i++) sum += of(5)[k * hidden + i]! * h[i]!;
        return sum;
      };
      h = h.map((_, k) => {
        cell[k] = sigmoid(gate(1, k)) * cell[k]! + sigmoid(gate(0, k)) * Math.tanh(gate(2, k));
        return sigmoid(gate(3, k)) * Math.tanh(cell[k]!);
      });
      y.set(h, row * hidden);
    }
  }
  return y;
}

for (const timeMajor of [true, false])
  t.test(
    `an LSTM with the ${timeMajor ? 'time' : 'batch'} first agrees with plain loops`,
    async (t) => {
      const random = seeded(2);
      const noise = (...shape: number[]): WrittenTensor => {
        const length = shape.reduce((product, extent) => product * extent, 1);
        return { shape, data: Float32Array.from({ length }, () => random() * 2 - 1) };
      };
      const four = (...shape: number[]) => [0, 1, 2, 3].map(() => noise(...shape));
      const state: WrittenTensor = { shape: [batch, hidden], variable: true };
      const shape = timeMajor ? [steps, batch, inputs] : [batch, steps, inputs];
      const tensors: WrittenTensor[] = [
        { shape, name: 'x' },
        ...four(hidden, inputs),
        ...four(hidden, hidden),
        ...four(hidden),
        state,
        state,
        { shape: shape.with(2, hidden), name: 'y' },
      ];
      const places = (from: number) => [0, 1, 2, 3].map((i) => from + i);
      const none = (count: number) => new Array<number>(count).fill(-1);
      const operands = [
        0,
        ...places(1),
        ...places(5),
        ...none(3),
        ...places(9),
        ...none(2),
        13,
        14,
      ];
      const bytes = writeTflite({
        tensors,
        operators: [
          {
            builtin: 44,
            options: 71,
            fields: [
              [0, 'i8', 4],
              [3, 'bool', timeMajor],
            ],
            inputs: [...operands, ...none(4)],
            outputs: [15],
          },
        ],
        inputs: [0],
        outputs: [15],
      });
      const x: Tensor = {
        type: { dtype: 'f32', shape },
        data: noise(...shape).data as Float32Array,
      }; // made above
      const graph = importTflite(bytes, { file: 'lstm.tflite' });
      const { y } = evaluate(graph, { x });
      const wanted = { type: y!.type, data: loops(x, tensors, timeMajor) };
      t.equal(difference(wanted, y, tolerance), undefined, 'as imported');
      t.equal(difference(y!, start(graph).run({ x }).y, tolerance), undefined, 'as compiled');
    },
  );

t.test('an RNN agrees with plain loops', async (t) => {
  const random = seeded(3);
  const noise = (...shape: number[]) => {
    const length = shape.reduce((product, extent) => product * extent, 1);
    return { shape, data: Float32Array.from({ length }, () => random() * 2 - 1) };
  };
  const [w, r, bias] = [noise(hidden, inputs), noise(hidden, hidden), noise(hidden)];
  const { shape, data } = noise(batch, steps, inputs);
  const bytes = writeTflite({
    tensors: [
      { shape, name: 'x' },
      w,
      r,
      bias,
      { shape: [batch, hidden], variable: true },
      { shape: [batch, steps, hidden], name: 'y' },
    ],
    operators: [
      {
        builtin: 35,
        options: 31,
        fields: [[1, 'i8', 4]],
        inputs: [0, 1, 2, 3, 4],
        outputs: [5],
      },
    ],
    inputs: [0],
    outputs: [5],
  });
  const x: Tensor = { type: { dtype: 'f32', shape }, data };
  const graph = importTflite(bytes, { file: 'rnn.tflite' });
  const { y } = evaluate(graph, { x });
  const wanted = new Float32Array(batch * steps * hidden);
  for (let n = 0; n < batch; n++) {
    let h = new Array<number>(hidden).fill(0);
    for (let step = 0; step < steps; step++) {
      const row = n * steps + step;
      h = h.map((_, k) => {
        let sum = bias.data[k]!;
        for (let i = 0; i < inputs; i++) sum += w.data[k * inputs + i]! * data[row * inputs + i]!;
        for (let i = 0; i < hidden; i++) sum += r.data[k * hidden + i]! * h[i]!;
        return Math.tanh(sum);
      });
      wanted.set(h, row * hidden);
    }
  }
  t.equal(difference({ type: y!.type, data: wanted }, y, tolerance), undefined, 'as imported');
  t.equal(difference(y!, start(graph).run({ x }).y, tolerance), undefined, 'as compiled');
});
