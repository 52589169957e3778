// How much code ships for a model, beside the usual runtimes? (gzip, without weights)

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { compile, moduleText } from '@espalier/compiler';
import { importOnnx } from '@espalier/importers';
import { build } from 'esbuild';
import { modelPath, placeModels } from '../fixtures/models/place-models.ts';
import { hasSharedData } from '../test/support/shared-data.ts';
import { modelCases } from '../test/support/trained-models.ts';
import { atMost, type Bar, type Report, type Row } from './bars.ts';

const gzip = (bytes: Uint8Array | string): number => gzipSync(bytes, { level: 9 }).length;

/** LiteRT.js 2.5.3: core bundle, glue and wasm. Measured once and not installed here. */
const litertBytes = 2_930_000;

/** What somebody ships who uses onnxruntime-web with wasm alone. */
function peerBytes(): number {
  const folder = dirname(createRequire(import.meta.url).resolve('onnxruntime-web/wasm'));
  const files = ['ort.wasm.min.mjs', 'ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm'];
  return files.reduce((sum, file) => sum + gzip(readFileSync(join(folder, file))), 0);
}

interface Subject {
  readonly name: string;
  readonly file: string;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
}

function* subjects(): Generator<Subject> {
  yield {
    name: 'demo: PP-OCRv4 detector',
    file: modelPath('text-detector.onnx'),
    shapes: { x: [1, 3, 480, 640] },
  };
  if (!hasSharedData()) {
    console.log('skipped: the models of the shared data are not here (set ESPALIER_DATA)');
    return;
  }
  const seen = new Set<string>();
  for (const { model, file, inputs } of modelCases()) {
    if (seen.has(model)) continue;
    seen.add(model);
    const shapes = Object.entries(inputs).map(([name, { shape }]) => [name, shape] as const);
    yield { name: model, file, shapes: Object.fromEntries(shapes) };
  }
}

/** The module and the runtime as a bundler minifies them, and one of the two wasm files. */
async function shippedBytes({ file, shapes }: Subject): Promise<{ js: number; wasm: number }> {
  const graph = importOnnx(readFileSync(file), { file: basename(file), shapes });
  const { program, modules } = compile(graph);
  const url = (name: string) => `new URL('./${name}', import.meta.url)`;
  const code = moduleText([program], '@espalier/runtime', {
    plain: url('net-plain.wasm'),
    relaxed: url('net-relaxed.wasm'),
    weights: url('net-weights.bin'),
  });
  const bundled = await build({
    stdin: { contents: code, resolveDir: import.meta.dirname, loader: 'js' },
    bundle: true,
    minify: true,
    format: 'esm',
    conditions: ['espalier-source'],
    write: false,
  });
  return {
    js: gzip(bundled.outputFiles[0]!.contents),
    wasm: Math.max(gzip(modules.plain), gzip(modules.relaxed)),
  };
}

/** Bytes of code for each model, beside what its user ships today. */
export async function run(): Promise<Report> {
  placeModels();
  const peer = peerBytes();
  const rows: Row[] = [];
  const bars: Bar[] = [];
  for (const subject of subjects()) {
    const { js, wasm } = await shippedBytes(subject);
    const total = js + wasm;
    rows.push({ model: subject.name, js, wasm, total, onnxruntimeWeb: peer, litert: litertBytes });
    const limit = subject.name.startsWith('ultraface') ? 40_000 : 50_000;
    bars.push(atMost(subject.name, total, limit, 'bytes'));
  }
  return { rows, bars };
}
