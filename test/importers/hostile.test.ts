// Damaged model files end in a coded error or a valid graph: no hang, no crash, no runaway memory.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { importOnnx } from '@espalier/importers';
import t from 'tap';
import { sharedData, skipWithoutData } from '../support/shared-data.ts';

interface Line {
  readonly i: number;
  readonly file: string;
  readonly kind: string;
  readonly at: number;
  readonly outcome: string;
  readonly ms: number;
  readonly maxKiB?: number;
}

const seconds = 5;
const cases = 2000;

t.test('2,000 damaged files end in an error or a graph', skipWithoutData, async (t) => {
  const models = readdirSync(sharedData('models'), { recursive: true, encoding: 'utf8' });
  const skeletons = readdirSync(sharedData('skeletons'));
  const files = [
    ...models.filter((file) => file.endsWith('.onnx')).map((file) => sharedData('models', file)),
    ...skeletons
      .filter((file) => file.endsWith('.onnx') && !file.startsWith('yolov4_416'))
      .map((file) => sharedData('skeletons', file)),
  ];
  const args = ['--import=tsx', '--conditions=espalier-source'];
  const script = `${import.meta.dirname}/../support/import-damaged.ts`;
  const child = spawn(process.execPath, [...args, script, `${cases}`, '1', ...files], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // A hang is a line that does not come.
  const hung = () => child.kill('SIGKILL');
  let watch = setTimeout(hung, 30_000);
  const lines: Line[] = [];
  for await (const text of createInterface({ input: child.stdout })) {
    clearTimeout(watch);
    watch = setTimeout(hung, 4 * seconds * 1000);
    lines.push(JSON.parse(text) as Line);
  }
  clearTimeout(watch);
  const summary = lines.pop();
  t.equal(lines.length, cases, 'every file was imported or refused');
  const crashed = lines.filter(({ outcome }) => outcome.startsWith('crashed'));
  t.same(crashed, [], 'every failure has a code');
  const slow = lines.filter(({ ms }) => ms > seconds * 1000);
  t.same(slow, [], `every file took less than ${seconds} s`);
  t.ok((summary?.maxKiB ?? Number.POSITIVE_INFINITY) < 2 ** 20, 'memory stayed under 1 GB');
  const outcomes: Record<string, number> = {};
  for (const { outcome } of lines) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  t.comment(
    JSON.stringify({ outcomes, ...summary, slowestMs: Math.max(...lines.map((l) => l.ms)) }),
  );
});

t.test('an empty file is refused', async (t) => {
  t.throws(() => importOnnx(new Uint8Array(0), { file: 'empty.onnx' }), { code: 'BAD_MODEL' });
});

t.test('another format is refused', async (t) => {
  const text = readFileSync(import.meta.filename);
  t.throws(() => importOnnx(text, { file: 'text.onnx' }), { code: 'BAD_MODEL' });
});
