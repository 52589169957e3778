// What a build depends on, read as far as decisions need: bytes, device, inputs, task, the plan beside the model.

import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { type ExternalReader, externalDataIn } from '@espalier/importers';
import { EspalierError } from '@espalier/ir';
import { ensureLocalProfile, hasLocalProfile } from './calibrate/local-profile.ts';
import type { OwnConfig } from './config.ts';
import { type Directives, directives, normalise } from './directives.ts';
import { badDirective } from './errors.ts';
import { lockPath, lockWeightsPath } from './fit/lock.ts';
import type { Planning } from './fit/plan-model.ts';
import { findTask } from './fit/task.ts';
import { wishOf } from './fit/wish.ts';
import { type CalibrationInputs, findInputs } from './inputs/index.ts';
import { type External, isCurrent, readModelFile } from './read-model.ts';
import { onlyShape } from './shapes.ts';
import { local, readTarget, type Target } from './targets.ts';

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

/** How a build finds its device. */
export interface OpenOptions {
  /** While developing: nobody waits for a calibration. */
  readonly serve?: boolean | undefined;
  /** A plan beside the model that was made elsewhere is not checked by calibrating. */
  readonly frozen?: boolean | undefined;
  log?(line: string): void;
}

/** The target; this machine is calibrated where it has to be. */
async function openTarget(
  target: string,
  folder: string,
  { serve, frozen, log = () => undefined }: OpenOptions,
): Promise<Target> {
  if (target === local && !(await hasLocalProfile())) {
    // What ships is not decided while developing.
    if (serve) return readTarget(directives.target.default, folder);
    if (!frozen) await ensureLocalProfile(log);
  }
  return readTarget(target, folder);
}

/**
 * Reads what a build depends on.
 *
 * @throws {EspalierError} NO_MODEL, NO_PROFILE, BAD_PROFILE, BAD_DIRECTIVE, NO_SAMPLES, CALIBRATION_STOPPED
 */
export async function openBuild(
  file: string,
  given: Directives,
  config: OwnConfig | undefined,
  options: OpenOptions = {},
): Promise<OpenBuild> {
  const { bytes: read, sha256: model } = await readModelFile(file);
  let bytes: Uint8Array | undefined = read;
  const name = basename(file);
  const external = externalDataIn(dirname(await realpath(file)), name);
  const { profile, file: profileFile } = await openTarget(given.target, dirname(file), options);
  const query = normalise(given);
  const wish = wishOf(given, config?.layers ?? {});
  if (given.calib && given.precision !== 'int8' && !wish)
    throw badDirective('calib', given.calib, 'only a search or precision=int8 needs inputs');
  if (given.exact && given.precision === 'int16')
    throw badDirective('precision', 'int16', 'exact does without rounding; leave one of them out');
  if (wish) onlyShape(given);
  const preprocessing = config?.preprocessing ?? {};
  const task = wish && findTask(file);
  let found: CalibrationInputs | undefined;
  const find = async () => {
    const { calib, seed } = given;
    found ??= await findInputs(calib, dirname(file), { preprocessing, seed });
    return found;
  };
  const wanted = wish !== undefined || given.precision === 'int8';
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
      measure: given.target === local,
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
