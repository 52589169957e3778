// A graph compiled for several threads, as the files that its model loads.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compile } from '@espalier/compiler';
import { type Graph, parse } from '@espalier/ir';
import type { ModelSource } from '@espalier/runtime';
import type { Test } from 'tap';
import { threadScript } from '../../packages/espalier/src/runtime-files.ts';

const attrs = '{dilation: [1, 1], groups: 1, pads: [1, 1, 1, 1], stride: [1, 1]}';

/** Three layers that are split, and a map between them that is not. */
export const threeLayers = (): Graph =>
  parse(`x = input f32[1,32,40,40]
w = constant f32[64,32,3,3] seed 1 from -0.1 to 0.1
v = constant f32[64,64,3,3] seed 2 from -0.1 to 0.1
b = constant f32[64] seed 3 from -1 to 1
y = conv(x, w, b) ${attrs} then relu(a0)
z = conv(y, v, b; y) ${attrs} then relu(a0 + a1)
s = map(z, y) {expr: a0 * a1}
r = conv(s, v, b) ${attrs}
return r
`);

/** The source of a model, in a folder that goes with the test; with another script of helpers if given. */
export async function writtenForThreads(
  t: Test,
  graph: Graph,
  threads: number,
  script?: string,
): Promise<ModelSource> {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-threads-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const { program, modules, weights } = compile(graph, { threads });
  const put = (name: string, bytes: Uint8Array | string): URL => {
    writeFileSync(join(folder, name), bytes);
    return pathToFileURL(join(folder, name));
  };
  return {
    program,
    plain: put('plain.wasm', modules.plain),
    relaxed: put('relaxed.wasm', modules.relaxed),
    weights: put('weights.bin', weights),
    thread: put('thread.js', script ?? (await threadScript())),
  };
}
