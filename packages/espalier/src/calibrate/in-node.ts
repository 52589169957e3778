// Calibrates in this process: Node's engine on this machine.

import { availableParallelism } from 'node:os';
import type { SimdModule } from '@espalier/compiler';
import type { Measurements, Timing } from './measurements.ts';
import type { Subjects } from './subjects.ts';
import { type Clock, timeProgram } from './time-program.ts';

/** The time that this process has had a processor, in ms: others on the machine do not count. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * Times everything here.
 *
 * @param only The one module to time; by default all that Node runs.
 * @param patience How long, if not as long as usual.
 */
export async function measureInNode(
  subjects: Subjects,
  onProgress: (done: number, count: number) => void = () => undefined,
  only?: SimdModule,
  patience: Pick<Clock, 'batchMs' | 'warmMs' | 'patience'> = { batchMs: 1 },
): Promise<Measurements> {
  const timings: Record<SimdModule, Timing[]> = { plain: [], relaxed: [] };
  const modules: SimdModule[] = [only ?? 'plain'];
  const clock = { now: processorMs, ...patience };
  for (let group = 0; group < subjects.count; group++) {
    onProgress(group, subjects.count);
    for (const { id, manner, program, modules: code, file } of subjects.group(group)) {
      const relaxed = code.relaxed as Uint8Array<ArrayBuffer>;
      if (!only && modules.length === 1 && group === 0 && WebAssembly.validate(relaxed))
        modules.unshift('relaxed');
      for (const name of modules) {
        const module = await WebAssembly.compile(code[name] as Uint8Array<ArrayBuffer>);
        timings[name].push({ id, ns: await timeProgram(program, module, manner, clock, file) });
      }
    }
  }
  const agent = `Node ${process.versions.node} (V8 ${process.versions.v8})`;
  return { agent, cores: availableParallelism(), modules, timings };
}
