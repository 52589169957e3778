// Counts the instructions that a function will execute. Loops of the kernels run a constant number of
// rounds, so that what a call costs can be told without running it.

/** Kinds of instructions whose price differs between devices, and engines. */
export const instructionKinds = [
  'vectorLoad',
  'splatLoad',
  'wordLoad',
  'vectorStore',
  'wordStore',
  'arithmetic',
  'extreme',
  'division',
  'integer',
  'branch',
  'bulk',
  'bulkByte',
] as const;

/** One of `instructionKinds`. */
export type InstructionKind = (typeof instructionKinds)[number];

/** What epilogues do, counted apart: it costs the same in whichever kernel they stand. */
export const epilogueKinds = [
  'epilogueLoad',
  'epilogueArithmetic',
  'epilogueFunction',
  'epilogueExtreme',
  'epilogueDivision',
] as const;

/** One of `epilogueKinds`. */
export type EpilogueKind = (typeof epilogueKinds)[number];

/** Whether the steps of an epilogue wait for each other, as those of exponentials do. */
export type Epilogue = 'short' | 'long';

/** The kinds that epilogues have of their own; stores, and what moves pointers, is the kernel's. */
const inEpilogue: Readonly<Partial<Record<InstructionKind, EpilogueKind>>> = {
  vectorLoad: 'epilogueLoad',
  splatLoad: 'epilogueLoad',
  wordLoad: 'epilogueLoad',
  arithmetic: 'epilogueArithmetic',
  extreme: 'epilogueExtreme',
  division: 'epilogueDivision',
};

/** How often each kind of instruction is executed; kinds that never are may be left out. */
export type Tally = Readonly<Partial<Record<InstructionKind | EpilogueKind, number>>>;

/** Counts while a function is written. */
export interface TallyKeeper {
  /** Counts one instruction by its name in the text format. */
  instruction(name: string): void;
  /** Counts a copy or fill of so many bytes. */
  bulk(bytes: number): void;
  /** Whatever is written meanwhile is executed so many times as often. */
  times(rounds: number, write: () => void): void;
  /** Whatever is written meanwhile is part of an epilogue: in a long one arithmetic is `epilogueFunction`. */
  epilogue(length: Epilogue, write: () => void): void;
  finish(): Tally;
}

/** Loads that repeat one element over all lanes. */
const isSplat = (name: string): boolean => name.endsWith('_splat');

/** The kind of an instruction; `undefined` for what takes no time of its own. */
export function kindOf(name: string): InstructionKind | undefined {
  if (name.startsWith('br')) return 'branch';
  if (name.startsWith('v128.load') && isSplat(name)) return 'splatLoad';
  if (name === 'v128.load') return 'vectorLoad';
  if (name === 'v128.store') return 'vectorStore';
  if (name.includes('.load')) return 'wordLoad';
  if (name.includes('.store')) return 'wordStore';
  if (name.endsWith('.const')) return undefined;
  // With NaNs and the sign of zero in mind, these are several instructions on some processors.
  if (/^f32x4\.(min|max)$/.test(name)) return 'extreme';
  if (/\.(div|rem|sqrt)/.test(name)) return 'division';
  return name.startsWith('i32.') ? 'integer' : 'arithmetic';
}

/** A keeper that has counted nothing. */
export function createTally(): TallyKeeper {
  const counts = new Map<InstructionKind | EpilogueKind, number>();
  let weight = 1;
  let within: Epilogue | undefined;
  const kindHere = (kind: InstructionKind) => {
    if (!within) return kind;
    return kind === 'arithmetic' && within === 'long'
      ? 'epilogueFunction'
      : (inEpilogue[kind] ?? kind);
  };
  const add = (kind: InstructionKind, count: number) => {
    const own = kindHere(kind);
    counts.set(own, (counts.get(own) ?? 0) + weight * count);
  };
  return {
    instruction(name) {
      const kind = kindOf(name);
      if (kind) add(kind, 1);
    },
    bulk(bytes) {
      add('bulk', 1);
      add('bulkByte', bytes);
    },
    times(rounds, write) {
      const outside = weight;
      weight *= rounds;
      write();
      weight = outside;
    },
    epilogue(length, write) {
      const outside = within;
      within = length;
      write();
      within = outside;
    },
    finish: () => Object.fromEntries(counts),
  };
}
