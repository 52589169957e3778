// The process in which one engine runs in Node: takes calls of its stand as messages.

import { measurePeak, peakModule } from './peak.ts';
import { reasonOf } from './reason.ts';
import { createStand, type Stand } from './stand.ts';
import type { Driver } from './task.ts';

/** What the parent asks for. */
export interface Ask {
  readonly id: number;
  readonly call: keyof Stand | 'peak';
  readonly args: readonly unknown[];
}

/** What it is told. */
export interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

const [driverName] = process.argv.slice(2);
const { driver } = (await import(`./drivers/${driverName}.ts`)) as { driver: Driver };
const stand = createStand(driver);
const calls: Readonly<Record<Ask['call'], (...args: never[]) => Promise<unknown>>> = {
  ...stand,
  peak: () => measurePeak(peakModule(false), peakModule(true)),
};

process.on('message', async ({ id, call, args }: Ask) => {
  const answer = (rest: Omit<Answer, 'id'>) => process.send?.({ id, ...rest } satisfies Answer);
  try {
    // The parent calls with what the method takes.
    answer({ result: await calls[call](...(args as never[])) });
  } catch (error) {
    answer({ error: reasonOf(error) });
  }
});
process.on('disconnect', () => process.exit());
