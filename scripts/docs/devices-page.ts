// The devices that come along, out of their profiles.

import { type Fact, profileNames, profileOf } from '@espalier/compiler';
import { table } from './markdown.ts';

const bytes = (count: number): string =>
  count >= 1 << 20 ? `${count / (1 << 20)} MiB` : `${count / 1024} KiB`;

const value = (fact: Fact | undefined): string => (fact ? String(fact.value) : '–');

/** The text of docs/devices.md. */
export function devicesPage(): string {
  const profiles = profileNames.map(profileOf);
  const rows = profiles.map((profile) => {
    const { name, title, source, modules, clockGHz, vectorPipes, bandwidthGBs, caches } = profile;
    return [
      `\`${name}\``,
      title,
      source,
      modules.join(', '),
      value(clockGHz),
      value(vectorPipes),
      value(bandwidthGBs),
      [caches.l1Bytes, caches.l2Bytes, caches.l3Bytes].map(bytes).join(', '),
    ];
  });
  const sources = profiles.flatMap((profile) => {
    const { name, derivation, engine, cores, clockGHz, vectorPipes, pairProducts, bandwidthGBs } =
      profile;
    const facts = { cores, clockGHz, vectorPipes, pairProducts, bandwidthGBs };
    return [
      `- \`${name}\`: ${engine}. Prices: ${derivation}.`,
      ...Object.entries(facts).flatMap(([key, fact]) =>
        fact ? [`  - ${key} ${fact.value}: ${fact.source}`] : [],
      ),
      `  - caches: ${profile.cachesSource}`,
    ];
  });
  return [
    '# Devices',
    '',
    '`net.onnx?target=s20` compiles for a device: of several kernels that can run a layer, the one that is',
    'predicted to be fastest there is taken, with the copies between layouts in sight. The code runs on every',
    'device all the same. This page is written from the profiles by `npm run docs`.',
    '',
    ...table(
      [
        ...['target', 'device', 'prices', 'modules', 'GHz', 'multiply-adds a cycle'],
        ...['GB/s', 'caches of a core'],
      ],
      rows,
    ),
    '',
    '*Measured* prices are fitted to times; *estimated* ones are measured prices of another device, scaled by',
    'clock, vector units and memory bandwidth, which says which of two kernels is faster better than how fast it is.',
    '',
    '## Measuring a device',
    '',
    '```',
    'espalier calibrate                      shows an address and a code; a phone that opens it is measured,',
    '                                        and its profile is written to espalier.device.json',
    'espalier calibrate --local              this machine in Node: ?target=local',
    'espalier calibrate --local --chromium   this machine in headless Chromium: ?target=local',
    'espalier devices                        what ?target= can name here',
    '```',
    '',
    'Then `net.onnx?target=./espalier.device.json`, relative to the model, or `espalier({ target: … })` in the',
    'configuration of the bundler for every import that names none. A browser tells nothing about caches: they are taken',
    'to be those of the device that `--like` names.',
    '',
    'Calibration times every kernel over some 400 graphs, each step over and over, and a dozen short networks; it takes a',
    'few minutes. Whatever else runs on the device only adds, so that the least of many times is taken (`--passes 3` takes the least',
    'of three rounds besides, where the device is busy). Prices are fitted by',
    'least squares without negative solutions: nanoseconds for each kind of instruction that a kernel executes, and for',
    'each byte that does not come from the first cache.',
    '',
    '## Where the numbers are from',
    '',
    ...sources,
    '',
  ].join('\n');
}
