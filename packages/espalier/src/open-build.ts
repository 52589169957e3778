// What a build depends on, read as far as decisions need: bytes, device, inputs, task, the plan beside the model.

import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { type ExternalReader, externalDataIn } from '@espalier/importers';
import { EspalierError } from '@espalier/ir';
import type { OwnConfig } from './config.ts';
import { type Directives, normalise } from './directives.ts';
import { badDirective } from './errors.ts';
import { lockPath, lockWeightsPath } from './fit/lock.ts';
import type { Planning } from './fit/plan-model.ts';
import { findTask } from './fit/task.ts';
import { wishOf } from './fit/wish.ts';
import { type CalibrationInputs, findInputs } from './inputs/index.ts';
import { type External, isCurrent, readModelFile } from './read-model.ts';
import { onlyShape } from './shapes.ts';
import { local, readTarget } from './targets.ts';

/** A model and its query, read as far as decisions need. */
export interface OpenBuild {
  readonly profile: ReturnType<typeof readTarget>['profile'];
  /** What fits it to a device, if that is asked for. */
  readonly planning: Planning | undefined;
  /** The inputs that calibrate, if the query has a use for them. */
  inputs(needed: boolean): Promise<CalibrationInputs | undefined>;
  /** Files that decide besides the model. */
  readonly besides: readonly string[];
  /** Digest of the model's bytes. */
  readonly model: string;
  readonly external: ExternalReader;
  isCurrent(read: External): boolean;
  /** The bytes of the model, once: whoever takes them lets go of them. */
  take(): Uint8Array;
}

/**
 * Reads what a build depends on.
 *
 * @throws {EspalierError} NO_MODEL, NO_PROFILE, BAD_PROFILE, BAD_DIRECTIVE, NO_SAMPLES
 */
export async function openBuild(
  file: string,
  directives: Directives,
  config: OwnConfig | undefined,
): Promise<OpenBuild> {
  const { bytes: read, sha256: model } = await readModelFile(file);
  let bytes: Uint8Array | undefined = read;
  const name = basename(file);
  const external = externalDataIn(dirname(await realpath(file)), name);
  const { profile, file: profileFile } = readTarget(directives.target, dirname(file));
  const query = normalise(directives);
  const wish = wishOf(directives, config?.layers ?? {});
  if (directives.calib && directives.precision !== 'int8' && !wish)
    throw badDirective('calib', directives.calib, 'only a search or precision=int8 needs inputs');
  if (wish) onlyShape(directives);
  const preprocessing = config?.preprocessing ?? {};
  const task = wish && findTask(file);
  let found: CalibrationInputs | undefined;
  const find = async () => {
    const { calib, seed } = directives;
    found ??= await findInputs(calib, dirname(file), { preprocessing, seed });
    return found;
  };
  const wanted = wish !== undefined || directives.precision === 'int8';
  const known = wish && (await find().catch(allowMissing));
  return {
    profile,
    external,
    model,
    planning: wish && {
      file,
      query,
      wish,
      profile,
      inputs: known,
      preprocessing,
      task,
      measure: directives.target === local,
      model,
    },
    inputs: async (needed) => (wanted && (needed || known) ? await find() : undefined),
    besides: [
      ...(profileFile ? [profileFile] : []),
      ...(config?.file ? [config.file] : []),
      ...(task ? [task.path] : []),
      ...(wish ? [lockPath(file), lockWeightsPath(file)].filter((path) => existsSync(path)) : []),
    ],
    isCurrent: (read) => isCurrent(read, external),
    // The bytes go once they are decoded, and the graph once it is folded: big weights are not held along the way.
    take: () => {
      const taken = bytes ?? new Uint8Array(0);
      bytes = undefined;
      return taken;
    },
  };
}

/** Inputs may be missing where a valid plan was made of them. */
function allowMissing(error: unknown): undefined {
  if (!(error instanceof EspalierError) || error.code !== 'NO_SAMPLES') throw error;
}
