// `espalier calibrate`: times kernels on a device, and writes its profile.

import { mkdir } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { dirname, resolve } from 'node:path';
import { latency, microKernels, profileNames, showProfile } from '@espalier/compiler';
import { type ArgsDef, type CommandDef, defineCommand } from 'citty';
import { renderUnicodeCompact } from 'uqr';
import { replaceFile } from '../../cache.ts';
import { factsLike, likeliest, localFacts } from '../../calibrate/device-facts.ts';
import { fitProfile } from '../../calibrate/fit-profile.ts';
import { measureInChromium } from '../../calibrate/in-chromium.ts';
import { measureInNode } from '../../calibrate/in-node.ts';
import type { Measurements } from '../../calibrate/measurements.ts';
import { serveCalibration } from '../../calibrate/server.ts';
import { createSubjects, inPasses, type Subjects } from '../../calibrate/subjects.ts';
import { badOption } from '../../errors.ts';
import { didYouMean } from '../../nearest.ts';
import { localProfilePath } from '../../targets.ts';

const args = {
  local: { type: 'boolean', description: 'this machine, in Node', default: false },
  chromium: { type: 'boolean', description: 'with --local: in headless Chromium', default: false },
  out: {
    type: 'string',
    description: 'file to write; default espalier.device.json, with --local the cache',
  },
  name: { type: 'string', description: 'name of the device in its profile' },
  like: {
    type: 'string',
    description: `device whose caches it is taken to have: ${profileNames.join(', ')}`,
  },
  host: { type: 'string', description: 'address to serve on', default: '0.0.0.0' },
  port: { type: 'string', description: 'port to serve on; default any that is free' },
  passes: {
    type: 'string',
    description: 'how often all is timed, where others use the device too; default 1',
  },
  stride: { type: 'string', description: 'time only every n-th kernel; for tests' },
} as const satisfies ArgsDef;

/** Shows how far it is, where somebody looks. */
function report(done: number, count: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${count} `);
}

/** The addresses of this machine in its networks. */
const addresses = (): string[] =>
  Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address);

/** Shows where the page is, and waits until a device has opened it and reported. */
async function measureOnDevice(
  subjects: Subjects,
  host: string,
  port: number,
): Promise<Measurements> {
  const server = await serveCalibration(subjects, { host, port }, report);
  const reachable = host === '0.0.0.0' ? addresses()[0] : host;
  const url = `http://${reachable ?? 'localhost'}:${server.port}/`;
  console.info(`Open ${url} on the device, in the same network:\n`);
  console.info(renderUnicodeCompact(url));
  try {
    return await server.report;
  } finally {
    await server.close();
  }
}

/** A whole number that the user gives. */
function whole(name: string, text: string | undefined, usual: number, most: number): number {
  if (text === undefined) return usual;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > most)
    throw badOption(name, text, `it is a whole number up to ${most}`);
  return value;
}

/** Measures, fits and writes. */
export const calibrate: CommandDef<typeof args> = defineCommand({
  meta: { name: 'calibrate', description: 'measure a device, and write its profile' },
  args,
  async run({ args }) {
    const like = profileNames.find((name) => name === args.like);
    if (args.like !== undefined && !like)
      throw badOption('like', args.like, didYouMean(args.like, profileNames));
    const stride = Math.max(1, whole('stride', args.stride, 1, microKernels.length));
    const port = whole('port', args.port, 0, 65_535);
    const subjects = createSubjects(stride);
    const timed = inPasses(subjects, Math.max(1, whole('passes', args.passes, 1, 20)));
    const measurements = args.local
      ? await (args.chromium ? measureInChromium : measureInNode)(timed, report)
      : await measureOnDevice(timed, args.host, port);
    const { agent } = measurements;
    const name = args.name ?? (args.local ? 'local' : 'device');
    const facts =
      args.local && !like ? localFacts(name) : factsLike(like ?? likeliest(agent), name, agent);
    const profile = fitProfile(subjects, measurements, facts);
    const file = resolve(args.out ?? (args.local ? localProfilePath() : 'espalier.device.json'));
    await mkdir(dirname(file), { recursive: true });
    await replaceFile(file, showProfile(profile));
    console.info(`\n${profile.title}: ${file}`);
    console.info(`  ${summary(subjects, measurements, profile)}`);
    const target = args.local && !args.out ? 'local' : `./${args.out ?? 'espalier.device.json'}`;
    console.info(`  import it with ?target=${target}`);
  },
});

/** How well the profile predicts the short networks that it was not fitted to step by step. */
function summary(
  subjects: Subjects,
  { timings, modules }: Measurements,
  profile: ReturnType<typeof fitProfile>,
): string {
  const [module] = modules as readonly ['plain' | 'relaxed']; // never empty
  const byId = new Map(timings[module].map(({ id, ns }) => [id, ns] as const));
  const errors: number[] = [];
  for (let group = 0; group < subjects.count; group++)
    for (const { id, manner, work } of subjects.group(group)) {
      const measured = byId.get(id)?.[0];
      if (manner === 'whole' && measured)
        errors.push(Math.abs((1e6 * latency(work, profile, module).totalMs) / measured - 1));
    }
  errors.sort((a, b) => a - b);
  const median = errors[errors.length >> 1];
  return median === undefined
    ? 'no short network was timed'
    : `short networks are predicted within ${(100 * median).toFixed(1)}% (median of ${errors.length})`;
}
