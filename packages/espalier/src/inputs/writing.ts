// Lines of writing for made-up pictures: Latin letters and digits as strokes, in many hands.

import { type Canvas, drawStroke, type Point, type Random } from './canvas.ts';

/**
 * Strokes of characters, `/` between them: points `xy` with x from 0 to 4 and y from 0, the top of capitals, by way
 * of 2, the top of small letters, to 6, the base line, and 8, the lowest. `~` rounds a stroke's corners.
 */
const small: readonly string[] = [
  '~43 22 04 26 45/42 46',
  '00 06/~03 22 44 26 05',
  '~43 22 04 26 45',
  '40 46/~43 22 04 26 45',
  '~04 44 43 22 04 26 45',
  '~40 20 12 16/02 32',
  '42 47/~47 28 07/~43 22 04 26 45',
  '00 06/~03 22 43 44/44 46',
  '22 26/20 20',
  '22 27/~27 18 07/20 20',
  '00 06/42 04/14 46',
  '20 26',
  '02 06/~03 12 23/23 26/~23 32 43/43 46',
  '02 06/~03 22 43 44/44 46',
  '~22 04 26 44 22',
  '02 08/~03 22 44 26 05',
  '42 48/~43 22 04 26 45',
  '02 06/~04 13 32 42',
  '~42 12 03 24 45 36 06',
  '20 25/~25 36 46/02 42',
  '02 04/~04 05 26 45/42 46',
  '02 26 42',
  '02 16 23 36 42',
  '02 46/42 06',
  '02 26/42 08',
  '02 42 06 46',
];

const capital: readonly string[] = [
  '06 20 46/14 34',
  '00 06/~00 30 42 03/~03 34 45 06',
  '~41 20 03 26 45',
  '00 06/~00 31 43 35 06',
  '40 00 06 46/03 33',
  '40 00 06/03 33',
  '~41 20 03 26 45/45 43 23',
  '00 06/40 46/03 43',
  '20 26',
  '40 44/~44 36 16 04',
  '00 06/40 03 46',
  '00 06 46',
  '06 00 23 40 46',
  '06 00 46 40',
  '~20 02 04 26 44 42 20',
  '00 06/~00 30 42 33 03',
  '~20 02 04 26 44 42 20/25 47',
  '00 06/~00 30 42 33 03/13 46',
  '~41 20 02 23 44 26 05',
  '00 40/20 26',
  '00 04/~04 26 44/44 40',
  '00 26 40',
  '00 16 22 36 40',
  '00 46/40 06',
  '00 23 40/23 26',
  '00 40 06 46',
];

const digit: readonly string[] = [
  '~20 02 04 26 44 42 20',
  '11 20 26',
  '~01 20 41 32 06/06 46',
  '~01 20 41 23/~23 44 26 05',
  '36 30 04 44',
  '40 00 03/~03 23 44 26 05',
  '~40 12 04 26 44 23 04',
  '00 40 16',
  '~20 42 23 04 26 44 23 02 20',
  '~43 23 02 20 42 34 16',
];

const mark: readonly string[] = ['26 26', '26 17', '14 34', '22 22/26 26'];

/** Corners cut twice, as Chaikin does (1974); the ends stay. */
function rounded(points: readonly Point[]): Point[] {
  let line = [...points];
  for (let round = 0; round < 2; round++)
    line = [
      line[0]!,
      ...line.slice(1).flatMap(([x, y], i): Point[] => {
        const [px, py] = line[i]!;
        return [
          [0.75 * px + 0.25 * x, 0.75 * py + 0.25 * y],
          [0.25 * px + 0.75 * x, 0.25 * py + 0.75 * y],
        ];
      }),
      line.at(-1)!,
    ];
  return line;
}

/** The lines of a character. */
const linesOf = (strokes: string): readonly Point[][] =>
  strokes.split('/').map((stroke) => {
    const points = stroke
      .replace('~', '')
      .split(' ')
      .map((text): Point => [Number(text[0]), Number(text[1])]);
    return stroke.startsWith('~') ? rounded(points) : points;
  });

type Letters = readonly (readonly Point[][])[];

const [smalls, capitals, digits, marks] = [small, capital, digit, mark].map(
  (all): Letters => all.map(linesOf),
) as [Letters, Letters, Letters, Letters]; // as many as it is made of

/** How the letters of a line look, in parts of the height of capitals. */
interface Hand {
  readonly height: number;
  readonly width: number;
  readonly gap: number;
  readonly radius: number;
  readonly slant: number;
  readonly serifs: boolean;
}

const drawHand = (random: Random, height: number): Hand => ({
  height,
  width: 0.4 + 0.3 * random(),
  gap: 0.12 + 0.2 * random() ** 2,
  radius: 0.03 + 0.09 * random() ** 1.5,
  slant: random() < 0.3 ? 0.25 * random() : 0,
  serifs: random() < 0.3,
});

/** The letters of a word: small ones, the first of which may be a capital, or capitals, or digits. */
function drawWord(random: Random): Letters {
  const of = (letters: Letters) => letters[Math.floor(random() * letters.length)]!;
  const [kind, length] = [random(), 2 + Math.floor(8 * random())];
  const [all, first] =
    kind < 0.45
      ? [smalls, smalls]
      : kind < 0.7
        ? [smalls, capitals]
        : kind < 0.85
          ? [capitals, capitals]
          : [digits, digits];
  const word = Array.from({ length }, (_, i) => of(i === 0 ? first : all));
  return random() < 0.15 ? [...word, of(marks)] : word;
}

/** Strokes that reach the top or the base line end in short bars. */
function drawSerifs(line: readonly Point[], draw: (from: Point, to: Point) => void): void {
  for (const [x, y] of [line[0]!, line.at(-1)!]) if (y % 2 === 0) draw([x - 0.7, y], [x + 0.7, y]);
}

/**
 * Draws lines of words in one ink, mostly level, some turned, of letters that are at least 8 pixels high.
 *
 * @param lines At most so many.
 */
export function drawWriting(
  canvas: Canvas,
  random: Random,
  lines: number,
  ink: readonly number[],
): void {
  const size = Math.min(canvas.width, canvas.height);
  const turn = random() < 0.3 ? 0.5 * (random() - 0.5) : 0.03 * (random() - 0.5);
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const middle: Point = [canvas.width / 2, canvas.height / 2];
  let top = 0.02 * size;
  for (let i = 0; i < lines && top < canvas.height; i++) {
    const hand = drawHand(random, Math.max(8, size * (0.02 + 0.07 * random() ** 2)));
    const { height, width, slant, radius } = hand;
    const [end, base] = [canvas.width * (0.3 + 0.7 * random()), top];
    let left = canvas.width * 0.4 * random();
    while (left < end) {
      for (const letter of drawWord(random)) {
        const place = ([x, y]: Point): Point => {
          const across = left + height * (width * (x / 4) + slant * (1 - y / 6)) - middle[0];
          const down = base + (height * y) / 6 - middle[1];
          return [middle[0] + cos * across - sin * down, middle[1] + sin * across + cos * down];
        };
        const draw = (from: Point, to: Point) =>
          drawStroke(canvas, place(from), place(to), radius * height, ink);
        for (const line of letter) {
          for (const [k, point] of line.entries()) draw(line[Math.max(0, k - 1)]!, point);
          if (hand.serifs) drawSerifs(line, draw);
        }
        left += height * (width + hand.gap + 2 * radius);
      }
      left += 0.45 * height;
    }
    top += height * (1.5 + 1.8 * random());
  }
}
