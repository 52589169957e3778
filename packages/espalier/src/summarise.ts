// One line about a build, for the bundler's log.

import type { BuiltModel } from './build.ts';
import type { PlanRecord } from './fit/lock.ts';

/** How a model came to fit its device. */
export interface FitNote {
  readonly from: 'lock' | 'search' | 'dense';
  readonly reason: string;
  readonly plan?: PlanRecord;
  /** What had changed since the plan beside the model was written. */
  readonly stale?: string;
}
/** One line about a build: what ships, how it was made, and how it came to fit its device. */
export function summarise(name: string, built: BuiltModel, ms: number): string {
  const kB = (bytes: number) => `${Math.ceil(bytes / 1000)} kB`;
  const { weights, fromCache, fit, others } = built;
  const verb = fit?.from === 'search' ? 'searched and compiled' : 'compiled';
  const how = fromCache ? 'from the cache' : `${verb} in ${(ms / 1000).toFixed(1)} s`;
  const code = [built, ...others].reduce((sum, one) => sum + one.plain.bytes.length, 0);
  const line = `${name}: ${kB(code)} of code, ${kB(weights.bytes.length)} of weights, ${how}`;
  return fit ? `${line}; ${describeFit(fit)}` : line;
}

/** What was decided about a device, in a few words. */
export function describeFit({ plan, reason, from, stale }: FitNote): string {
  if (!plan) return reason;
  const { dense, shipped, device, source, inputs, accepted, strategy } = plan;
  const by = strategy === 'knapsack' ? '' : ` by ${strategy}`;
  const on = `${inputs.count} ${inputs.kind === 'synthetic' ? 'synthetic inputs' : 'inputs'}`;
  const times = `${shipped.ms.toPrecision(3)} ms on ${device} (${source}) instead of ${dense.ms.toPrecision(3)}`;
  const bits = plan.precision === 'int16' ? ' in 16 bits' : '';
  const what = accepted ? `fitted${by}${bits}: ${reason}, ${times}` : `dense ships: ${reason}`;
  const plans = from === 'lock' ? ', plan beside the model' : '';
  const old = stale ? ` (the plan beside the model is stale: ${stale})` : '';
  return `${what}, judged on ${on}${plans}${old}`;
}
