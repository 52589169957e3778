// The first inference is computed while weights arrive, and is what any other is.

import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { type Compiled, compile, type WeightFormat } from '@espalier/compiler';
import { evaluate, type Graph, parse, randomTensor } from '@espalier/ir';
import { createModel, type ModelSource } from '@espalier/runtime';
import t, { type Test } from 'tap';
import { worstError } from '../support/agrees.ts';

const attrs = '{dilation: [1, 1], groups: 1, pads: [1, 1, 1, 1], stride: [1, 1]}';

/** Layers with some 150 kB of weights each, the last of which are transformed at load. */
const layers = (): Graph =>
  parse(`x = input f32[1,64,12,12]
w = constant f32[64,64,3,3] seed 1 from -0.1 to 0.1
v = constant f32[64,64,3,3] seed 2 from -0.1 to 0.1
u = constant f32[64,64,3,3] seed 3 from -0.1 to 0.1
b = constant f32[64] seed 4 from -1 to 1
y = conv(x, w, b) ${attrs} then relu(a0)
z = conv(y, v, b) ${attrs} then relu(a0)
r = conv(z, u, b) ${attrs}
return r
`);

/** Serves a compiled model; the weights in pieces of so many bytes, each when the last has had time to be read. */
async function served(
  t: Test,
  { program, modules, weights }: Compiled,
  pieceBytes: number,
  end: (response: ServerResponse) => void = (response) => response.end(),
): Promise<ModelSource> {
  const server = createServer(async ({ url }, response) => {
    if (url !== '/weights') {
      response.writeHead(200, { 'content-type': 'application/wasm' });
      response.end(url === '/plain' ? modules.plain : modules.relaxed);
      return;
    }
    response.writeHead(200);
    for (let at = 0; at < weights.length; at += pieceBytes) {
      response.write(weights.subarray(at, at + pieceBytes));
      await setImmediate();
    }
    end(response);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const url = (path: string) => `http://127.0.0.1:${port}/${path}`;
  return { program, plain: url('plain'), relaxed: url('relaxed'), weights: url('weights') };
}

const input = (seed: number) => randomTensor({ dtype: 'f32', shape: [1, 64, 12, 12] }, seed);
const feed = (seed: number) => ({ x: input(seed).data as Float32Array });

for (const weights of ['f32', 'f16', 'int8'] satisfies WeightFormat[])
  t.test(
    `computes along with weights as ${weights} what it computes with all of them`,
    async (t) => {
      const compiled = compile(layers(), { weights });
      t.ok(compiled.program.weights.parts.length > 2, 'the file has several parts');
      for (const pieceBytes of [1000, 65_536, 1_000_000]) {
        const source = await served(t, compiled, pieceBytes);
        const first = (await createModel(source).run(feed(1))).r!.data;
        const model = createModel(source);
        await model.load();
        const later = (await model.run(feed(1))).r!.data;
        t.strictSame(first, later, `in pieces of ${pieceBytes} bytes`);
      }
    },
  );

t.test('agrees with the reference', async (t) => {
  const graph = layers();
  const model = createModel(await served(t, compile(graph), 10_000));
  const { r } = await model.run(feed(1));
  const wanted = evaluate(graph, { x: input(1) }).r!;
  const error = worstError({ type: wanted.type, data: r!.data }, wanted);
  t.ok(error < 1e-4, `off by ${error} of the largest, as Winograd may be`);
});

t.test('runs that wait for the same load have each their own result', async (t) => {
  const model = createModel(await served(t, compile(layers()), 20_000));
  const same = feed(1);
  const runs = await Promise.all([model.run(same), model.run(feed(2)), model.run(same)]);
  const [first, second, third] = runs.map(({ r }) => r!.data);
  t.strictSame(first, third, 'equal inputs, equal results');
  t.notSame(first, second, 'others have others');
  t.strictSame((await model.run(feed(2))).r!.data, second, 'as they have later');
});

t.test('inputs that do not fit are refused before anything is fetched', async (t) => {
  const source = await served(t, compile(layers()), 20_000);
  const model = createModel({
    ...source,
    weights: 'nowhere:',
    plain: 'nowhere:',
    relaxed: 'nowhere:',
  });
  await t.rejects(model.run({ x: new Float32Array(3) }), { code: 'BAD_INPUT' }, 'at once');
});

t.test('a transfer that breaks off fails, and the next run begins anew', async (t) => {
  const compiled = compile(layers());
  let broken = true;
  const short = { ...compiled, weights: compiled.weights.subarray(0, 200_000) };
  const whole = await served(t, compiled, 50_000);
  const cut = await served(t, short, 50_000, (response) => response.destroy());
  const source: ModelSource = {
    ...whole,
    get weights() {
      return broken ? cut.weights : whole.weights;
    },
  };
  const model = createModel(source);
  await t.rejects(model.run(feed(1)), { code: 'NO_FILE', message: /broke off/ }, 'it says so');
  broken = false;
  const again = (await model.run(feed(1))).r!.data;
  t.strictSame(again, (await createModel(whole).run(feed(1))).r!.data, 'the second time it works');
});
