// What surrounds every function, so that already its first call has the engine's best code.
//
//   do { if (rounds = 0) { the function; return }  rounds −= 1 } while (rounds ≠ 0)
//
// Engines begin with code that is made quickly, a half to a third as fast as their best, and make better code of a
// function once its loops have run for long enough; what runs is not replaced, the next call has it. V8 counts the
// bytes of code that a loop spans, whether it jumps over them or not, up to 13 million [V8, `wasm-tiering-budget`].
// So a loop that jumps over all of the function is done after some thousand rounds: microseconds a function. Nothing
// but speed depends on it.

const empty = 0x40;
/** The module's global 0, an i32 that is exported as `w` and ends as 0. */
const rounds = [0x23, 0];

/** What is before the code of a function, two blocks deep. */
export const warmUpBegin: readonly number[] = [
  ...[0x03, empty, 0x02, empty], // loop, block
  ...[...rounds, 0x0d, 0], // if there are rounds, to the end of the block
];

/** And what is behind it. */
export const warmUpEnd: readonly number[] = [
  ...[0x0f, 0x0b], // return, end of the block
  ...[...rounds, 0x41, 1, 0x6b, 0x24, 0], // rounds −= 1
  ...[...rounds, 0x0d, 0, 0x0b], // again while there are some
];
