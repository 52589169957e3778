// What a calibration times one of: a graph, written in the text form.

import { type Graph, parse } from '@espalier/ir';
import { inFixedPoint } from '../../fixed-point.ts';

/** One graph of a calibration. */
export interface MicroKernel {
  readonly name: string;
  /** Whether its steps are timed, each over and over, or all of it in order. */
  readonly manner: 'steps' | 'whole';
  /** Whether its weights have zeros: then their tables have to be what they are, not random words. */
  readonly sparse: boolean;
  /** Builds the graph, whose weights are random. */
  graph(): Graph;
}

/** Extents. */
export type Dims = readonly number[];

/** Lines of a graph in the text form: each method adds one, and gives its value's name. */
function writer() {
  const lines: string[] = [];
  const add = (text: string): string => {
    const name = `v${lines.length}`;
    lines.push(`${name} = ${text}`);
    return name;
  };
  const dims = (shape: Dims) => `f32[${shape}]`;
  const weights = (shape: Dims) =>
    add(`constant ${dims(shape)} seed ${lines.length + 1} from -0.1 to 0.1`);
  const then = (epilogue?: string) => (epilogue ? ` then ${epilogue}` : '');
  const text = {
    add,
    weights,
    input: (shape: Dims) => add(`input ${dims(shape)}`),
    /** An input `[n, c, h, w]` whose channels are dense, as those between layers are. */
    channelsLast: ([n, c, h, w]: Dims) =>
      add(`transpose(${add(`input ${dims([n!, h!, w!, c!])}`)}) {perm: [0, 3, 1, 2]}`),
    /** Operands of the epilogue follow it. */
    conv(
      x: string,
      o: number,
      i: number,
      taps: number,
      stride = 1,
      groups = 1,
      epilogue = 'relu(a0)',
      ...extras: string[]
    ) {
      const w = weights([o, i / groups, taps, taps]);
      const pad = (taps - 1) / 2;
      const after = extras.length > 0 ? `; ${extras.join(', ')}` : '';
      return add(
        `conv(${x}, ${w}, ${weights([o])}${after}) {dilation: [1, 1], groups: ${groups}, pads: [${pad}, ${pad}, ${pad}, ${pad}], stride: [${stride}, ${stride}]}${then(epilogue)}`,
      );
    },
    linear(x: string, o: number, k: number, epilogue?: string) {
      return add(`linear(${x}, ${weights([o, k])}, ${weights([o])}) {}${then(epilogue)}`);
    },
    map: (expr: string, ...from: string[]) => add(`map(${from.join(', ')}) {expr: ${expr}}`),
    graph: (...results: string[]) => `${lines.join('\n')}\nreturn ${results.join(', ')}\n`,
  };
  return text;
}

/** What a graph is written with. */
export type Writer = ReturnType<typeof writer>;

/** A micro-kernel; `write` gives the name of its result. */
export const micro = (
  name: string,
  write: (g: Writer) => string,
  manner: MicroKernel['manner'] = 'steps',
): MicroKernel => ({
  name,
  manner,
  sparse: false,
  graph() {
    const g = writer();
    return parse(g.graph(write(g)));
  },
});

/** A micro-kernel whose layers are computed in fixed point as well. */
export const rounded = (floats: MicroKernel): MicroKernel => ({
  ...floats,
  graph: () => inFixedPoint(floats.graph()),
});
