// The runtime's entry for models that were compiled for several threads.

import { mostThreads, startHelper } from './helpers.ts';
import { instantiate, type Start } from './instance.ts';
import { createModel as create, type Model, type ModelSource, type Signature } from './model.ts';
import { withHelpers } from './pool.ts';

/** `e.m` of kind memory: what a module's one import looks like. */
const memoryImport = [1, 0x65, 1, 0x6d, 2];
const sharedFlag = 2;

/** Makes a module take shared memory: one bit behind the import's name. */
function share(module: Uint8Array<ArrayBuffer>): void {
  for (let at = 0; at < module.length; at++)
    if (memoryImport.every((byte, i) => module[at + i] === byte)) {
      module[at + memoryImport.length]! |= sharedFlag;
      return;
    }
}

const start: Start = async (program, files, options) => {
  const { signal, threads = Infinity } = options;
  const count = Math.min(threads, program.parallel?.threads ?? 1, mostThreads());
  const { thread } = files;
  if (!(count > 1 && thread)) return instantiate(program, files, options);
  // They start while files are on their way.
  const helpers = Array.from({ length: Math.ceil(count) - 1 }, () => startHelper(thread));
  try {
    const instance = await instantiate(program, files, options, share);
    const helped = await withHelpers(instance, program, helpers);
    signal.throwIfAborted();
    return helped;
  } catch (error) {
    for (const helper of helpers) helper.end();
    throw error;
  }
};

/** `createModel` of the other entry, with other threads to help where they may; else it is the same. */
export const createModel = <S extends Signature = Signature>(source: ModelSource): Model<S> =>
  create(source, start);
