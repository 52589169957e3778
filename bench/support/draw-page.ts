// Pages with writing, drawn in a browser from a seed: what a text detector meets.

/**
 * Draws one page, in a browser: the function is sent there, and sees nothing of what is around it here.
 *
 * @returns RGBA bytes, in base64.
 */
export function drawPage({
  seed,
  width,
  height,
}: {
  readonly seed: number;
  readonly width: number;
  readonly height: number;
}): string {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const words =
    'garden wall tree branch apple pear light south summer winter root leaf prune graft fruit bloom 1848 27.50 No.'.split(
      ' ',
    );
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext('2d')!;
  const dark = random() < 0.3;
  const ground = context.createLinearGradient(0, 0, width * random(), height);
  const shade = () => Math.floor((dark ? 0 : 190) + 60 * random());
  for (const stop of [0, 1]) ground.addColorStop(stop, `rgb(${shade()} ${shade()} ${shade()})`);
  context.fillStyle = ground;
  context.fillRect(0, 0, width, height);
  for (let i = Math.floor(5 * random()); i > 0; i--) {
    context.fillStyle = `rgb(${shade()} ${shade()} ${shade()})`;
    context.fillRect(width * random(), height * random(), 200 * random(), 150 * random());
  }
  context.rotate(0.1 * (random() - 0.5));
  for (let y = 40; y < height - 20; ) {
    const size = Math.floor(16 + 30 * random() ** 2);
    context.font = `${pick(['', 'bold ', 'italic '])}${size}px ${pick(['serif', 'sans-serif', 'monospace'])}`;
    const ink = () => Math.floor((dark ? 200 : 0) + 55 * random());
    context.fillStyle = `rgb(${ink()} ${ink()} ${ink()})`;
    const line = Array.from({ length: 1 + Math.floor(5 * random()) }, () => pick(words)).join(' ');
    context.fillText(line, 20 + 0.4 * width * random(), y + size);
    y += size * (1.8 + 1.5 * random());
  }
  const { data } = context.getImageData(0, 0, width, height);
  let text = '';
  for (let i = 0; i < data.length; i += 8192)
    text += String.fromCharCode(...data.subarray(i, i + 8192));
  return btoa(text);
}
