import binaryen from 'binaryen';
import t from 'tap';
import {
  type Assembler,
  assemble,
  type Expr,
} from '../../packages/compiler/src/targets/wasm/assembler.ts';
import { encodeModule } from '../../packages/compiler/src/targets/wasm/module.ts';
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
} from '../../packages/compiler/src/targets/wasm/opcodes.ts';

type Type = 'i32' | 'f32' | 'f64' | 'v128';

/** What binaryen reads in a function that holds one statement. */
function textOf(write: (asm: Assembler) => Expr): string {
  const bytes = encodeModule([assemble(1, true, write)], 1);
  const module = binaryen.readBinary(bytes);
  module.setFeatures(binaryen.Features.All);
  const text = module.validate() === 1 ? module.emitText() : 'not valid';
  module.dispose();
  return text;
}

const localOf = (asm: Assembler, type: Type) =>
  ({ i32: asm.i32Local, f32: asm.f32Local, f64: asm.f64Local, v128: asm.v128Local })[type]();

const comparison = /\.(eqz?|ne|[lg][te](_[su])?)$/;

/** Operand types and result type of an instruction without immediates, read off its name. */
function signature(name: OpcodeName): readonly [operands: readonly Type[], result: Type] {
  const type = name.split('.')[0]!;
  const [, instruction = ''] = name.split('.');
  if (name === 'select') return [['i32', 'i32', 'i32'], 'i32'];
  if (name in scalarOpcodes) {
    const own = type as Type;
    const from = /_(i32|f32|f64)(_[su])?$/.exec(instruction)?.[1] as Type | undefined;
    if (from) return [[from], own];
    const result = comparison.test(name) ? 'i32' : own;
    const one = /^(eqz|clz|abs|neg|ceil|floor|trunc|nearest|sqrt)$/.test(instruction);
    return [one ? [own] : [own, own], result];
  }
  if (instruction === 'splat') return [[type === 'f32x4' ? 'f32' : 'i32'], 'v128'];
  if (/^(any|all)_true$/.test(instruction)) return [['v128'], 'i32'];
  if (/^sh[lr]/.test(instruction)) return [['v128', 'i32'], 'v128'];
  if (/bitselect|madd|7x16_add/.test(instruction)) return [['v128', 'v128', 'v128'], 'v128'];
  const one = /^(not|abs|neg|ceil|floor|trunc|nearest|sqrt|extend|convert)|^trunc_sat/;
  return [one.test(instruction) ? ['v128'] : ['v128', 'v128'], 'v128'];
}

t.test('every instruction without immediates is what binaryen calls it', async (t) => {
  for (const name of Object.keys({ ...scalarOpcodes, ...vectorOpcodes }) as OpcodeName[]) {
    const [operands, result] = signature(name);
    const text = textOf((asm) => {
      const values = operands.map((type) => localOf(asm, type).get);
      return localOf(asm, result).set(asm.op(name, ...values));
    });
    t.match(text, new RegExp(`\\(${name.replace('.', '\\.')}\\s`), name);
  }
});

t.test('loads and stores are what binaryen calls them, with their offsets', async (t) => {
  for (const name of Object.keys(loadOpcodes) as LoadName[]) {
    const type = name.split('.')[0] as Type;
    const text = textOf((asm) => localOf(asm, type).set(asm.load(name, asm.params[0]!.get, 1000)));
    t.match(text, `(${name} offset=1000`, name);
    t.notMatch(text, 'align=', `${name} has its natural alignment`);
  }
  for (const name of Object.keys(storeOpcodes) as StoreName[]) {
    const type = name.split('.')[0] as Type;
    const text = textOf((asm) => asm.store(name, asm.params[0]!.get, localOf(asm, type).get, 1000));
    t.match(text, `(${name} offset=1000`, name);
    t.notMatch(text, 'align=', `${name} has its natural alignment`);
  }
  for (const name of Object.keys(laneMemoryOpcodes) as LaneMemoryName[]) {
    const text = textOf((asm) => {
      const value = asm.v128Local();
      const write = name.includes('load') ? asm.loadLane : asm.storeLane;
      const moved = write(name, asm.params[0]!.get, value.get, 1, 1000);
      return name.includes('load') ? value.set(moved) : moved;
    });
    t.match(text, `(${name} offset=1000 1`, name);
    t.notMatch(text, 'align=', `${name} has its natural alignment`);
  }
});

t.test('lanes, shuffles and constants are what binaryen calls them', async (t) => {
  for (const name of Object.keys(laneOpcodes) as LaneName[]) {
    const scalar: Type = name.startsWith('f32x4') ? 'f32' : 'i32';
    const replaces = name.includes('replace');
    const text = textOf((asm) => {
      const operands = [asm.v128Local().get, ...(replaces ? [localOf(asm, scalar).get] : [])];
      return localOf(asm, replaces ? 'v128' : scalar).set(asm.lane(name, 3, ...operands));
    });
    t.match(text, `(${name} 3`, name);
  }
  const shuffle = textOf((asm) => {
    const [a, b] = [asm.v128Local(), asm.v128Local()];
    return a.set(asm.shuffle32(a.get, b.get, [0, 5, 2, 7]));
  });
  t.match(shuffle, '(i8x16.shuffle 0 1 2 3 20 21 22 23 8 9 10 11 28 29 30 31', 'shuffle');
  const constants = textOf((asm) =>
    asm.seq(asm.v128Local().set(asm.f32x4(1)), asm.v128Local().set(asm.i32x4(-2))),
  );
  t.match(constants, '(v128.const i32x4 0x3f800000 0x3f800000 0x3f800000 0x3f800000)', 'f32x4');
  t.match(constants, '(v128.const i32x4 0xfffffffe 0xfffffffe 0xfffffffe 0xfffffffe)', 'i32x4');
  const filled = textOf((asm) => {
    const at = asm.params[0]!.get;
    return asm.seq(asm.fill(at, asm.i32(7), asm.i32(64)), asm.copy(at, asm.i32(128), asm.i32(-1)));
  });
  t.match(filled, '(memory.fill', 'fill');
  t.match(filled, '(memory.copy', 'copy');
  t.match(filled, '(i32.const -1)', 'negative constants');
});

/** Runs a function of one address over a fresh memory; what it left there as words. */
function run(write: (asm: Assembler) => Expr): Int32Array {
  const bytes = encodeModule([assemble(1, false, write)], 1) as Uint8Array<ArrayBuffer>;
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { e: { m: memory } });
  (exports.f0 as (address: number) => void)(64);
  return new Int32Array(memory.buffer, 64, 16);
}

t.test('loops, conditions and jumps go where they say', async (t) => {
  const append = (asm: Assembler, value: Expr): Expr =>
    asm.seq(asm.store('i32.store', asm.params[0]!.get, value), asm.params[0]!.advance(4));
  const ranges = run((asm) => {
    const i = asm.i32Local();
    const each = (from: number, to: number, step: number) =>
      asm.range(i, from, to, step, append(asm, i.get));
    return asm.seq(each(3, 9, 2), each(5, 5, 1), each(7, 8, 4), each(-4, 4, 3));
  });
  t.same([...ranges.slice(0, 8)], [3, 5, 7, 7, -4, -1, 2, 0], 'ranges, the empty one too');

  const nested = run((asm) => {
    const [i, j] = [asm.i32Local(), asm.i32Local()];
    const sum = asm.op('i32.add', asm.op('i32.mul', i.get, asm.i32(10)), j.get);
    const body = asm.block((exit) =>
      asm.seq(asm.branchIf(exit, asm.op('i32.eq', i.get, j.get)), append(asm, sum)),
    );
    return asm.range(i, 0, 3, 1, asm.range(j, 0, 3, 1, body));
  });
  t.same([...nested.slice(0, 7)], [1, 2, 10, 12, 20, 21, 0], 'a block is left by its label');

  const chosen = run((asm) => {
    const i = asm.i32Local();
    const odd = asm.op('i32.and', i.get, asm.i32(1));
    const value = asm.choose('i32', odd, asm.i32(100), asm.i32(200));
    const when = asm.when(odd, append(asm, value), asm.seq(append(asm, i.get), append(asm, value)));
    return asm.range(i, 0, 3, 1, when);
  });
  t.same([...chosen.slice(0, 6)], [0, 200, 100, 2, 200, 0], 'both arms are taken');

  const until = run((asm) => {
    const end = asm.i32Local();
    return asm.seq(
      end.set(asm.op('i32.add', asm.params[0]!.get, asm.i32(12))),
      asm.until(asm.params[0]!, end.get, append(asm, asm.i32(9))),
    );
  });
  t.same([...until.slice(0, 4)], [9, 9, 9, 0], 'a pointer runs to its end');
});
