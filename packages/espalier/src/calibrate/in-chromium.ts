// Calibrates in a headless Chromium on this machine, which opens the page as a phone would.

import { spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { SimdModule } from '@espalier/compiler';
import { browserStopped, noBrowser } from '../errors.ts';
import type { Measurements } from './measurements.ts';
import { serveCalibration } from './server.ts';
import type { Subjects } from './subjects.ts';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

const flags = [
  ...['--headless', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync', '--disable-quic'],
  // Timers and priority as of a page that is looked at.
  ...['--disable-background-timer-throttling', '--disable-renderer-backgrounding'],
];

/**
 * The browser to use: `CHROMIUM_PATH`, or the first on the path.
 *
 * @throws {EspalierError} NO_BROWSER
 */
export function findBrowser(): string {
  const chosen = process.env.CHROMIUM_PATH;
  const folders = (process.env.PATH ?? '').split(delimiter);
  const places = chosen
    ? [chosen]
    : names.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false; // absent or not to be run: another candidate follows
    }
  });
  if (!found) throw noBrowser(chosen);
  return found;
}

/**
 * Times everything in a headless Chromium.
 *
 * @param only The one module to time; by default all that it runs.
 * @throws {EspalierError} NO_BROWSER, BROWSER_STOPPED
 */
export async function measureInChromium(
  subjects: Subjects,
  onProgress: (done: number, count: number) => void = () => undefined,
  only?: SimdModule,
): Promise<Measurements> {
  const browser = findBrowser();
  const server = await serveCalibration(subjects, { only }, onProgress);
  const profile = mkdtempSync(join(tmpdir(), 'espalier-calibrate-'));
  // Containers, and root, have no sandbox to offer.
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const url = `http://localhost:${server.port}/`;
  const child = spawn(browser, [...flags, ...sandbox, `--user-data-dir=${profile}`, url], {
    stdio: 'ignore',
  });
  const stopped = new Promise<never>((_, reject) => {
    child.once('error', (cause) => reject(browserStopped(cause)));
    child.once('exit', (code) => reject(browserStopped(new Error(`exit code ${code}`))));
  });
  try {
    return await Promise.race([server.report, stopped]);
  } finally {
    // Its end is what was asked for now.
    stopped.catch(() => undefined);
    const gone = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.kill()) await gone;
    await server.close();
    // Processes of the browser that are still ending write into it.
    await rm(profile, { recursive: true, force: true, maxRetries: 20 });
  }
}
