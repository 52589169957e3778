// Runs beside an engine: loads its network, compares its outputs, takes its times.

import { type Driver, type Places, read, type Session, type Task, type TaskPort } from './task.ts';

/** One engine with one network, in a page or a process of its own. */
export interface Stand {
  /** Loads, and runs until the engine is warm. */
  open(places: Places, folder: string): Promise<void>;
  /** Largest difference from the expected outputs, as a fraction of their largest magnitude. */
  error(): Promise<number>;
  /** Milliseconds of each of `count` runs, one after the other, behind one that is not counted. */
  time(count: number): Promise<number[]>;
}

const warmUpMs = 1500;
const warmUpRuns = 5;

/** A stand for one engine. */
export function createStand({ layout, open }: Driver): Stand {
  let session: Session;
  let task: Task;
  let inputs: Float32Array[];
  let wanted: Float32Array[];

  const tensors = (ports: readonly TaskPort[], folder: string) =>
    Promise.all(
      ports.map(async ({ file }) => new Float32Array((await read(folder + file)).buffer)),
    );

  return {
    async open(places, folder) {
      // Written by `writeTask` of the same run.
      task = JSON.parse(new TextDecoder().decode(await read(`${folder}task.json`))) as Task;
      inputs = (await tensors(task.inputs, folder)).map((data, i) =>
        layout === 'NHWC' ? channelsLast(data, task.inputs[i]!.shape) : data,
      );
      wanted = await tensors(task.outputs, folder);
      session = await open(places, task);
      const begin = performance.now();
      for (let run = 0; run < warmUpRuns || performance.now() - begin < warmUpMs; run++)
        await session.run(inputs);
    },
    async error() {
      const results = await session.run(inputs);
      return Math.max(
        ...wanted.map((want, i) =>
          difference(
            layout === 'NHWC' ? channelsFirst(results[i]!, task.outputs[i]!.shape) : results[i]!,
            want,
          ),
        ),
      );
    },
    async time(count) {
      const times: number[] = [];
      await session.run(inputs);
      for (let run = 0; run < count; run++) {
        const begin = performance.now();
        await session.run(inputs);
        times.push(performance.now() - begin);
      }
      return times;
    },
  };
}

function difference(got: Float32Array, want: Float32Array): number {
  if (got.length !== want.length) throw new Error(`${got.length} values, not ${want.length}`);
  let most = 0;
  let largest = 0;
  for (let i = 0; i < want.length; i++) {
    largest = Math.max(largest, Math.abs(want[i]!));
    // A NaN is the largest difference that there is.
    const away = Math.abs(got[i]! - want[i]!);
    most = away <= most ? most : Number.isNaN(away) ? Number.POSITIVE_INFINITY : away;
  }
  return most / largest;
}

/** `[N, C, H, W]` to `[N, H, W, C]`; other ranks stay. */
function channelsLast(data: Float32Array, shape: readonly number[]): Float32Array {
  if (shape.length !== 4) return data;
  const [n, c, h, w] = shape as [number, number, number, number];
  return swapped(data, n, c, h * w);
}

/** The elements of `[N, C, H, W]` out of `[N, H, W, C]`. */
function channelsFirst(data: Float32Array, shape: readonly number[]): Float32Array {
  if (shape.length !== 4) return data;
  const [n, c, h, w] = shape as [number, number, number, number];
  return swapped(data, n, h * w, c);
}

/** `[batch, rows, columns]` to `[batch, columns, rows]`. */
function swapped(data: Float32Array, batch: number, rows: number, columns: number): Float32Array {
  const out = new Float32Array(data.length);
  let from = 0;
  for (let b = 0; b < batch; b++)
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++) out[(b * columns + c) * rows + r] = data[from++]!;
  return out;
}
