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
const finest = 1.04;

/** A plan that loses this part of what it may is as fast as can be told. */
const closeEnough = 0.85;

/** Speeds among which an expected loss is looked up. */
const grid = 60;

/** How far from the loss that is allowed the two speeds are tried of which nothing is known but what is expected. */
const spread = 2;

/** A speed that was tried, and what was lost. */
interface Try {
  readonly speed: number;
  readonly loss: number;
}

/**
 * Looks for the fastest speed whose loss is allowed.
 *
 * @param attempt Losses of some speeds; `undefined` where there is no plan.
 */
export async function narrow(
  { top, effort, drop, expected }: Prospect,
  attempt: (speeds: readonly number[]) => Promise<readonly (number | undefined)[]>,
): Promise<void> {
  const curve = Array.from({ length: grid }, (_, i) => top ** ((i + 1) / grid)).flatMap((speed) => {
    const loss = expected(speed);
    return loss === undefined ? [] : [{ speed, loss }];
  });
  /** The fastest speed that is expected to lose so much at most. */
  const speedAt = (loss: number): number =>
    curve.reduce((fastest, one) => (one.loss <= loss ? Math.max(fastest, one.speed) : fastest), 1);
  const expectedAt = (speed: number): number =>
    curve.find((one) => one.speed >= speed)?.loss ?? curve.at(-1)?.loss ?? 0;

  const tries: Try[] = [];
  // What is good enough, and what is not.
  let good: Try = { speed: 1, loss: 0 };
  let bad: Try = { speed: top * finest, loss: Number.POSITIVE_INFINITY };
  for (let left = effort; left > 0 && bad.speed / good.speed > finest; left -= 2) {
    if (good.loss > closeEnough * drop) return;
    const expectation = between(good, bad, drop, expectedAt);
    const centre = expectation === undefined ? undefined : speedAt(expectation);
    const guesses =
      centre === undefined
        ? [drop * spread, drop / spread].map((loss) =>
            speedAt(loss / factorOf(tries, drop, expectedAt)),
          )
        : [centre * Math.sqrt(finest), centre / Math.sqrt(finest)];
    const speeds = inside(guesses, good.speed, bad.speed).slice(left === 1 ? 1 : 0);
    const losses = await attempt(speeds);
    for (const [i, speed] of speeds.entries()) {
      const loss = losses[i] ?? Number.POSITIVE_INFINITY;
      tries.push({ speed, loss });
      if (loss <= drop) good = speed > good.speed ? { speed, loss } : good;
      else bad = speed < bad.speed ? { speed, loss } : bad;
    }
    if (good.speed >= bad.speed) return; // a bolder plan was better than a tamer one
  }
}

/** What is expected where the loss is as allowed, between two speeds that were tried: losses grow by its powers. */
function between(
  good: Try,
  bad: Try,
  drop: number,
  expectedAt: (speed: number) => number,
): number | undefined {
  if (!(good.loss > 0) || !Number.isFinite(bad.loss) || good.loss >= drop) return undefined;
  const part = Math.log(drop / good.loss) / Math.log(bad.loss / good.loss);
  const [low, high] = [expectedAt(good.speed), expectedAt(bad.speed)];
  return low > 0 ? low * (high / low) ** part : undefined;
}

/** What was lost against what was expected, by the try that came nearest to what is allowed; 1 before any. */
function factorOf(
  tries: readonly Try[],
  drop: number,
  expectedAt: (speed: number) => number,
): number {
  const distance = ({ loss }: Try) => Math.abs(Math.log(loss / drop));
  const [nearest] = tries
    .filter(({ loss, speed }) => loss > 0 && Number.isFinite(loss) && expectedAt(speed) > 0)
    .sort((a, b) => distance(a) - distance(b));
  return nearest && drop > 0 ? nearest.loss / expectedAt(nearest.speed) : 1;
}

/** Two guesses moved into an interval, and apart from each other: the boldest first. */
function inside(guesses: readonly number[], good: number, bad: number): number[] {
  const width = Math.log(bad / good);
  const [bold, tame] = guesses.map((speed) =>
    Math.min(0.9, Math.max(0.1, Math.log(Math.max(speed, good) / good) / width)),
  ) as [number, number];
  const apart = bold - tame < 0.15 ? 0.1 : 0;
  return [Math.min(0.95, bold + apart), Math.max(0.05, tame - apart)].map(
    (part) => good * (bad / good) ** part,
  );
}
