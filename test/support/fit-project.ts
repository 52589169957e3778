// A folder with a model that is worth fitting, and inputs for it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeOnnx } from '@espalier/importers';
import { createBuilder, type Graph, type Node, randomTensor } from '@espalier/ir';
import type { Test } from 'tap';
import { npyFile } from './npy-file.ts';

const type = (...shape: number[]) => ({ dtype: 'f32', shape }) as const;
const attrs = { stride: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0], groups: 1 } as const;

/** Three layers, the middle one of whose 64 inputs come in pairs: half of its columns can go without loss. */
export function pairedNetwork(): Graph {
  const b = createBuilder();
  const first = randomTensor(type(64, 8, 1, 1), 1);
  const bias = randomTensor(type(64), 2);
  first.data.set(first.data.subarray(0, first.data.length / 2), first.data.length / 2);
  bias.data.set(bias.data.subarray(0, 32), 32);
  const conv = (x: Node, w: ReturnType<typeof randomTensor>, v: typeof w, name: string) =>
    b.named(name).conv(x, b.constant(w, `${name}.w`), b.constant(v, `${name}.b`), attrs);
  const x = b.input('x', type(1, 8, 24, 24));
  const wide = b.scalar('relu', conv(x, first, bias, 'wide'));
  const deep = conv(wide, randomTensor(type(64, 64, 1, 1), 3), randomTensor(type(64), 4), 'deep');
  const y = conv(
    b.scalar('relu', deep),
    randomTensor(type(16, 64, 1, 1), 5),
    randomTensor(type(16), 6),
    'last',
  );
  return { inputs: [x], outputs: [{ name: 'y', node: y }] };
}

/** The folder: `net.onnx`, and `inputs/a.npy` of so many inputs. */
export function fitProject(t: Test, count = 8): string {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-fit-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'net.onnx'), writeOnnx(pairedNetwork()));
  mkdirSync(join(folder, 'inputs'));
  const { data } = randomTensor(type(count, 8, 24, 24), 9);
  const npy = npyFile('<f4', [count, 8, 24, 24], data as Float32Array);
  writeFileSync(join(folder, 'inputs/a.npy'), npy);
  return folder;
}
