// What an engine is asked to do: one network, its inputs, and the outputs that are expected.

/** A named tensor of a task, `[N, C, H, W]` as the network was exported. */
export interface TaskPort {
  readonly name: string;
  readonly shape: readonly number[];
  /** Its elements, row-major f32, in the network's folder. */
  readonly file: string;
}

/** One network. Written as `task.json` beside its tensors. */
export interface Task {
  readonly inputs: readonly TaskPort[];
  readonly outputs: readonly TaskPort[];
}

/** A network that an engine has loaded. */
export interface Session {
  /** From the caller's arrays to arrays of the caller's, in the task's order: what a user waits for. */
  run(inputs: readonly Float32Array[]): Promise<readonly Float32Array[]>;
}

/** Where a driver finds things. URLs end in `/`. */
export interface Places {
  /** What `write` of the engine put there for this network. */
  readonly network: string;
  /** The engine's own files, where it has to fetch them: in a page. */
  readonly assets: string;
}

/** The part of an engine that runs beside it, in a page or in a process of its own. */
export interface Driver {
  /** Axis order of tensors of rank 4 at the engine's border; the stand transposes, untimed. */
  readonly layout: 'NCHW' | 'NHWC';
  open(places: Places, task: Task): Promise<Session>;
}

/** Reads a file of a task, in a page or in Node. */
export async function read(url: string): Promise<Uint8Array<ArrayBuffer>> {
  if (!url.startsWith('file:')) return new Uint8Array(await (await fetch(url)).arrayBuffer());
  const { readFile } = await import('node:fs/promises');
  return new Uint8Array(await readFile(new URL(url)));
}
