// The page that a device opens to be calibrated: times what the server sends, and reports.

import { type Manner, type TimedProgram, tickOf, timeProgram } from './time-program.ts';

/** One program as the server sends it; code in base64. */
interface SentSubject {
  readonly id: string;
  readonly manner: Manner;
  readonly program: TimedProgram;
  readonly plain: string;
  readonly relaxed: string;
  /** The weights file, where random weights would not do. */
  readonly file?: string;
}

type Module = 'plain' | 'relaxed';

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

async function ask<T>(path: string, body?: unknown): Promise<T> {
  const response = await fetch(
    path,
    body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) },
  );
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  // The server that sent this page answers.
  return (await response.json()) as T;
}

const show = (text: string, done: number): void => {
  document.querySelector('p')!.textContent = text;
  document.querySelector('progress')!.value = done;
  document.body.dataset.state = text;
};

/** Lets the page be painted. */
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

async function calibrate(): Promise<void> {
  const { count, only } = await ask<{ count: number; only?: Module }>('groups');
  const now = () => performance.now();
  const clock = { now, batchMs: Math.max(1, 20 * tickOf(now)) };
  const timings: Record<Module, { id: string; ns: number[] }[]> = { plain: [], relaxed: [] };
  const modules: Module[] = [only ?? 'plain'];
  for (let group = 0; group < count; group++) {
    for (const subject of await ask<SentSubject[]>(`groups/${group}`)) {
      if (
        !only &&
        group === 0 &&
        !modules.includes('relaxed') &&
        WebAssembly.validate(bytesOf(subject.relaxed))
      )
        modules.unshift('relaxed');
      const file = subject.file === undefined ? undefined : bytesOf(subject.file);
      for (const name of modules) {
        const module = await WebAssembly.compile(bytesOf(subject[name]));
        const ns = await timeProgram(subject.program, module, subject.manner, clock, file);
        timings[name].push({ id: subject.id, ns });
        show(`Measuring: ${subject.id}`, group / count);
        await pause();
      }
    }
  }
  show('Sending', 1);
  const cores = navigator.hardwareConcurrency || 1;
  await ask('measurements', { agent: navigator.userAgent, cores, modules, timings });
  show('Done: the profile is on the computer that showed the address.', 1);
}

calibrate().catch(async (error: unknown) => {
  show(`Stopped: ${String(error)}`, 0);
  await ask('failure', String(error));
});
