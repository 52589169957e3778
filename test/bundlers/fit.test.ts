// Models that are fitted while Vite builds an app: one line each in its log, dense while developing, frozen in CI.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { EspalierOptions } from 'espalier';
import espalier from 'espalier/vite';
import t from 'tap';
import { build, createLogger, createServer, type InlineConfig } from 'vite';
import { fitProject } from '../support/fit-project.ts';

t.setTimeout(300_000);

const options: EspalierOptions = {
  target: 'laptop',
  scheme: 'blockColumns',
  sparsity: 0.4,
  drop: 1,
  searchThreads: 1,
};

/** What Vite is given for an app in a folder, and the lines that it logs. */
function configuration(root: string, more: EspalierOptions = {}) {
  const lines: string[] = [];
  const customLogger = { ...createLogger('info'), info: (line: string) => void lines.push(line) };
  const plugin = espalier({
    ...options,
    cache: join(root, 'cache'),
    types: join(root, 'espalier.d.ts'),
    ...more,
  });
  const config: InlineConfig = { root, configFile: false, customLogger, plugins: [plugin] };
  return { lines, config };
}

t.test('Vite fits a model when it builds, and says so in one line', async (t) => {
  const root = fitProject(t);
  writeFileSync(
    join(root, 'main.js'),
    `import net from './net.onnx?calib=inputs';
export async function outputs() {
  const { y } = await net.run({ x: new Float32Array(8 * 24 * 24).fill(0.5) });
  return y.data;
}
`,
  );
  const dev = configuration(root);
  const server = await createServer({
    ...dev.config,
    cacheDir: join(root, 'vite-cache'),
    server: { middlewareMode: true, ws: false },
    appType: 'custom',
  });
  const served = (await server.ssrLoadModule('/main.js')) as { outputs(): Promise<Float32Array> };
  const dense = await served.outputs();
  await server.close();
  t.match(dev.lines.join('\n'), /net\.onnx: .*dense while developing/, 'dense at once in dev');

  const compile = async (more?: EspalierOptions) => {
    const { lines, config } = configuration(root, more);
    const outDir = join(root, 'out');
    const output = { entryFileNames: '[name].mjs' };
    await build({ ...config, build: { ssr: 'main.js', outDir, rolldownOptions: { output } } });
    return lines.filter((line) => line.startsWith('net.onnx: ') && /kB of weights/.test(line));
  };
  await t.rejects(
    compile({ frozen: true }),
    { message: /espalier search '.*net\.onnx\?.*sparsity=0\.4/ },
    'a frozen build names the command that writes the plan',
  );
  const [line, ...others] = await compile();
  t.match(
    line,
    /searched.*fitted( in 16 bits)?: .* times as fast, .* on laptop \(estimated\)/,
    'what ships',
  );
  t.same(others, [], 'once');
  t.match(
    await compile(),
    [/from the cache; fitted( in 16 bits)?: /],
    'the next build takes it from the cache',
  );
  const built = (await import(pathToFileURL(join(root, 'out/main.mjs')).href)) as typeof served;
  const fitted = await built.outputs();
  t.equal(fitted.length, dense.length, 'the fitted model runs');
  t.notSame([...fitted], [...dense], 'and is another one');
});
