// How fast may it be? Between a speed that is good enough and one that is not, two more are tried at once, so that
// two threads take half as long as one and find the same.

/** What is known before anything is tried. */
export interface Prospect {
  /** The boldest speed. */
  readonly top: number;
  /** Speeds that may be tried. */
  readonly effort: number;
  /** Loss that is allowed. */
  readonly drop: number;
  /** The loss that the plan for a speed is expected to have, right up to a factor; `undefined` where there is no plan. */
  expected(speed: number): number | undefined;
}

/** Speeds that are closer to each other than this are not told apart. */
const finest = 1.02;

/** Speeds among which an expected loss is looked up. */
const grid = 60;

/** How far from where the loss should be as allowed the two speeds are tried: the first time, when nothing is known, and then. */
const spreads = [2.5, 1.25] as const;

/**
 * Looks for the fastest speed whose loss is allowed.
 *
 * @param attempt Losses of some speeds; `undefined` where there is no plan.
 */
export async function narrow(
  { top, effort, drop, expected }: Prospect,
  attempt: (speeds: readonly number[]) => Promise<readonly (number | undefined)[]>,
): Promise<void> {
  const speeds = Array.from({ length: grid }, (_, i) => top ** ((i + 1) / grid));
  const curve = speeds.flatMap((speed) => {
    const loss = expected(speed);
    return loss === undefined ? [] : [{ speed, loss }];
  });
  /** The fastest speed whose plan is expected to lose so much at most. */
  const speedAt = (loss: number): number =>
    curve.reduce((fastest, one) => (one.loss <= loss ? Math.max(fastest, one.speed) : fastest), 1);
  const expectedAt = (speed: number): number =>
    curve.find((one) => one.speed >= speed)?.loss ?? curve.at(-1)?.loss ?? 0;

  let [good, bad] = [1, top * finest];
  let factor = 1;
  for (let left = effort, round = 0; left > 0 && bad / good > finest; left -= 2, round++) {
    const count = Math.min(2, left);
    const spread = spreads[Math.min(round, spreads.length - 1)]!;
    const wanted = drop / factor;
    const guesses = count === 2 ? [wanted * spread, wanted / spread] : [wanted];
    const tries = between(guesses.map(speedAt), good, bad);
    const losses = await attempt(tries);
    // What was expected is right up to a factor, which the try nearest to what is allowed tells best.
    let nearest = Number.POSITIVE_INFINITY;
    for (const [i, loss] of losses.entries()) {
      const speed = tries[i]!;
      if (loss !== undefined && loss <= drop) good = Math.max(good, speed);
      else bad = Math.min(bad, speed);
      const predicted = expectedAt(speed);
      if (loss === undefined || !(loss > 0) || !(predicted > 0) || !(drop > 0)) continue;
      const distance = Math.abs(Math.log(loss / drop));
      if (distance >= nearest) continue;
      nearest = distance;
      factor = loss / predicted;
    }
    if (good >= bad) bad = good; // a bolder plan was better than a tamer one
  }
}

/** Guesses moved well inside an interval, and apart from each other: the boldest first. */
function between(guesses: readonly number[], good: number, bad: number): number[] {
  const width = Math.log(bad / good);
  const places = guesses.map((speed) =>
    Math.min(0.85, Math.max(0.15, Math.log(Math.max(speed, good) / good) / width)),
  );
  const [bold, tame] = places;
  if (tame !== undefined && bold! - tame < 0.2) {
    const middle = Math.min(0.8, Math.max(0.2, (bold! + tame) / 2));
    return [middle + 0.12, middle - 0.12].map((place) => good * (bad / good) ** place);
  }
  return places.map((place) => good * (bad / good) ** place);
}
