// Writes the body of one WebAssembly function. An expression is a thunk that appends its own bytes,
// so expressions nest as the stack machine does and no tree is ever built.

import { type ByteWriter, createWriter } from './bytes.ts';
import {
  type LaneMemoryName,
  type LaneName,
  type LoadName,
  laneMemoryOpcodes,
  laneOpcodes,
  loadOpcodes,
  type OpcodeName,
  type StoreName,
  scalarOpcodes,
  storeOpcodes,
  vectorOpcodes,
} from './opcodes.ts';
import { createTally, type Epilogue, type Tally } from './tally.ts';
import { warmUpBegin, warmUpEnd } from './warm-up.ts';

/** Appends code: a value (leaves one on the stack) or a statement (leaves none). */
export type Expr = () => void;

/** A target for `branch` and `branchIf`. */
export type Label = { depth: number };

/** The types that locals have. */
export type LocalType = 'i32' | 'f32' | 'f64' | 'v128';

/** A local variable or a parameter. */
export interface Local {
  readonly type: LocalType;
  readonly get: Expr;
  set(value: Expr): Expr;
  tee(value: Expr): Expr;
  /** Statement: adds a constant number of bytes or an expression; i32 locals only. */
  advance(by: number | Expr): Expr;
}

const typeCodes = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;
const emptyBlock = 0x40;

/** How often a conditional part is taken to run, for the tally. */
const likelihood = 0.5;

/** Builds one function: parameters are i32 byte addresses, there is no result. */
export interface Assembler {
  /** Whether the module may use relaxed SIMD; decides how `madd` is written. */
  readonly relaxed: boolean;
  readonly params: readonly Local[];
  i32Local(): Local;
  f32Local(): Local;
  f64Local(): Local;
  v128Local(): Local;

  i32(value: number): Expr;
  f32(value: number): Expr;
  /** Four equal floats. */
  f32x4(value: number): Expr;
  /** Four equal integers. */
  i32x4(value: number): Expr;
  op(name: OpcodeName, ...operands: Expr[]): Expr;
  load(name: LoadName, address: Expr, byteOffset?: number): Expr;
  store(name: StoreName, address: Expr, value: Expr, byteOffset?: number): Expr;
  loadLane(
    name: LaneMemoryName,
    address: Expr,
    into: Expr,
    lane: number,
    byteOffset?: number,
  ): Expr;
  storeLane(
    name: LaneMemoryName,
    address: Expr,
    value: Expr,
    lane: number,
    byteOffset?: number,
  ): Expr;
  lane(name: LaneName, lane: number, ...operands: Expr[]): Expr;
  /** Picks four 32-bit lanes out of `a` (0–3) and `b` (4–7). */
  shuffle32(a: Expr, b: Expr, lanes: readonly [number, number, number, number]): Expr;
  /** The low 16 bits of the four 32-bit lanes of `a`, then those of `b`. */
  lowHalves(a: Expr, b: Expr): Expr;
  /** Statement: zeroes or sets `bytes` bytes at `address`. */
  fill(address: Expr, byte: Expr, bytes: Expr): Expr;
  /** Statement: copies; the regions may overlap. */
  copy(to: Expr, from: Expr, bytes: Expr): Expr;

  /** Statement: `sum += a · b` on f32x4, fused where the module is relaxed. */
  madd(sum: Local, a: Expr, b: Expr): Expr;
  /** Value: `sum + a · b` on f32x4, fused where the module is relaxed. */
  fma(sum: Expr, a: Expr, b: Expr): Expr;

  seq(...statements: Expr[]): Expr;
  /** Runs once; `branch(exit)` leaves it. */
  block(body: (exit: Label) => Expr): Expr;
  /** Runs again whenever `branch(again)` is reached: `rounds` times on average, for the tally. */
  loop(body: (again: Label) => Expr, rounds?: number): Expr;
  branch(label: Label): Expr;
  branchIf(label: Label, condition: Expr): Expr;
  when(condition: Expr, then: Expr, otherwise?: Expr): Expr;
  /** `when` as a value of the given type. */
  choose(type: LocalType, condition: Expr, then: Expr, otherwise: Expr): Expr;
  /** `counter` takes `from`, `from + step`, … below `to`; constants only, the body is skipped if there are none. */
  range(counter: Local, from: number, to: number, step: number, body: Expr): Expr;
  /**
   * The body at least once, until the local equals the bound; for pointers that the body advances.
   * `rounds` times on average, for the tally.
   */
  until(pointer: Local, end: Expr, body: Expr, rounds?: number): Expr;

  /** The same, counted as part of an epilogue. */
  epilogue(length: Epilogue, body: Expr): Expr;
}

/** What the linker puts into the module. */
export interface FunctionBody {
  readonly params: number;
  /** Locals and code, as the code section wants them, without the leading size. */
  readonly bytes: Uint8Array;
  /** What one call executes. */
  readonly tally: Tally;
}

/** Writes one function with `params` i32 parameters. */
export function assemble(
  params: number,
  relaxed: boolean,
  write: (asm: Assembler) => Expr,
): FunctionBody {
  const code: ByteWriter = createWriter();
  const locals: LocalType[] = [];
  const tally = createTally();
  let depth = 0;
  let lastConstant = 0;

  const local = (index: number, type: LocalType): Local => {
    const get: Expr = () => {
      code.u8(0x20);
      code.leb(index);
    };
    const put =
      (opcode: number, value: Expr): Expr =>
      () => {
        value();
        code.u8(opcode);
        code.leb(index);
      };
    const self: Local = {
      type,
      get,
      set: (value) => put(0x21, value),
      tee: (value) => put(0x22, value),
      advance: (by) =>
        by === 0
          ? () => undefined
          : self.set(asm.op('i32.add', get, typeof by === 'number' ? asm.i32(by) : by)),
    };
    return self;
  };
  const declare = (type: LocalType): Local => local(params + locals.push(type) - 1, type);
  const vector = (opcode: number) => {
    code.u8(0xfd);
    code.leb(opcode);
  };
  const memory = (align: number, byteOffset: number) => {
    code.leb(align);
    code.leb(byteOffset);
  };
  const nested = (opcode: number, type: number, label: Label, body: Expr) => {
    code.u8(opcode);
    code.u8(type);
    label.depth = ++depth;
    body();
    depth--;
    code.u8(0x0b);
  };
  const branch = (opcode: number, label: Label) => {
    code.u8(opcode);
    code.leb(depth - label.depth);
  };
  const conditional =
    (type: number, condition: Expr, then: Expr, otherwise?: Expr): Expr =>
    () => {
      condition();
      tally.instruction('br_if');
      nested(0x04, type, { depth: 0 }, () => {
        tally.times(likelihood, then);
        if (!otherwise) return;
        code.u8(0x05);
        tally.times(likelihood, otherwise);
      });
    };

  const shuffle = (a: Expr, b: Expr, bytes: readonly number[]) => {
    a();
    b();
    tally.instruction('i8x16.shuffle');
    vector(13);
    code.bytes(bytes);
  };

  const asm: Assembler = {
    relaxed,
    params: Array.from({ length: params }, (_, index) => local(index, 'i32')),
    i32Local: () => declare('i32'),
    f32Local: () => declare('f32'),
    f64Local: () => declare('f64'),
    v128Local: () => declare('v128'),

    i32: (value) => () => {
      code.u8(0x41);
      code.sleb(value);
      lastConstant = value;
    },
    f32: (value) => () => {
      code.u8(0x43);
      code.f32(value);
    },
    f32x4: (value) => () => {
      vector(12);
      for (let i = 0; i < 4; i++) code.f32(value);
    },
    i32x4: (value) => () => {
      vector(12);
      for (let i = 0; i < 4; i++)
        code.bytes([value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255]);
    },
    op:
      (name, ...operands) =>
      () => {
        for (const operand of operands) operand();
        tally.instruction(name);
        if (name in scalarOpcodes) code.u8(scalarOpcodes[name as keyof typeof scalarOpcodes]);
        else vector(vectorOpcodes[name as keyof typeof vectorOpcodes]);
      },
    load:
      (name, address, byteOffset = 0) =>
      () => {
        address();
        tally.instruction(name);
        const [prefixed, opcode, align] = loadOpcodes[name];
        if (prefixed) vector(opcode);
        else code.u8(opcode);
        memory(align, byteOffset);
      },
    store:
      (name, address, value, byteOffset = 0) =>
      () => {
        address();
        value();
        tally.instruction(name);
        const [prefixed, opcode, align] = storeOpcodes[name];
        if (prefixed) vector(opcode);
        else code.u8(opcode);
        memory(align, byteOffset);
      },
    loadLane:
      (name, address, into, lane, byteOffset = 0) =>
      () => {
        address();
        into();
        tally.instruction(name);
        const [opcode, align] = laneMemoryOpcodes[name];
        vector(opcode);
        memory(align, byteOffset);
        code.u8(lane);
      },
    storeLane: (name, address, value, lane, byteOffset = 0) =>
      asm.loadLane(name, address, value, lane, byteOffset),
    lane:
      (name, lane, ...operands) =>
      () => {
        for (const operand of operands) operand();
        tally.instruction(name);
        vector(laneOpcodes[name]);
        code.u8(lane);
      },
    shuffle32: (a, b, lanes) => () =>
      shuffle(
        a,
        b,
        lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte)),
      ),
    lowHalves: (a, b) => () =>
      shuffle(a, b, Array.from({ length: 8 }, (_, lane) => [4 * lane, 4 * lane + 1]).flat()),
    fill: (address, byte, bytes) => () => {
      address();
      byte();
      bytes();
      tally.bulk(lastConstant);
      code.bytes([0xfc, 11, 0]);
    },
    copy: (to, from, bytes) => () => {
      to();
      from();
      bytes();
      tally.bulk(lastConstant);
      code.bytes([0xfc, 10, 0, 0]);
    },

    madd: (sum, a, b) => sum.set(asm.fma(sum.get, a, b)),
    fma: (sum, a, b) =>
      relaxed
        ? asm.op('f32x4.relaxed_madd', a, b, sum)
        : asm.op('f32x4.add', sum, asm.op('f32x4.mul', a, b)),

    seq:
      (...statements) =>
      () => {
        for (const statement of statements) statement();
      },
    block: (body) => () => {
      const exit = { depth: 0 };
      nested(0x02, emptyBlock, exit, () => body(exit)());
    },
    loop:
      (body, rounds = 1) =>
      () => {
        const again = { depth: 0 };
        nested(0x03, emptyBlock, again, () => tally.times(rounds, body(again)));
      },
    branch: (label) => () => branch(0x0c, label),
    branchIf: (label, condition) => () => {
      condition();
      tally.instruction('br_if');
      branch(0x0d, label);
    },
    when: (condition, then, otherwise) => conditional(emptyBlock, condition, then, otherwise),
    choose: (type, condition, then, otherwise) =>
      conditional(typeCodes[type], condition, then, otherwise),
    range: (counter, from, to, step, body) => {
      const rounds = Math.ceil((to - from) / step);
      if (rounds <= 0) return () => undefined;
      const start = counter.set(asm.i32(from));
      if (rounds === 1) return asm.seq(start, body);
      const last = from + rounds * step;
      const next = counter.tee(asm.op('i32.add', counter.get, asm.i32(step)));
      return asm.seq(
        start,
        asm.loop(
          (again) => asm.seq(body, asm.branchIf(again, asm.op('i32.ne', next, asm.i32(last)))),
          rounds,
        ),
      );
    },
    until: (pointer, end, body, rounds) =>
      asm.loop(
        (again) => asm.seq(body, asm.branchIf(again, asm.op('i32.ne', pointer.get, end))),
        rounds,
      ),
    epilogue: (length, body) => () => tally.epilogue(length, body),
  };

  write(asm)();

  const header = createWriter();
  const runs: { type: LocalType; count: number }[] = [];
  for (const type of locals) {
    const last = runs[runs.length - 1];
    if (last?.type === type) last.count++;
    else runs.push({ type, count: 1 });
  }
  header.leb(runs.length);
  for (const { type, count } of runs) {
    header.leb(count);
    header.u8(typeCodes[type]);
  }
  header.bytes(warmUpBegin);
  header.bytes(code.finish());
  header.bytes(warmUpEnd);
  header.u8(0x0b);
  return { params, bytes: header.finish(), tally: tally.finish() };
}
