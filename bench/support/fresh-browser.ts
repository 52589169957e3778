// A browser as a visitor has it: started anew, nothing cached, and nobody who watches its traffic, as drivers of browsers do.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { findChromium } from '../../scripts/chromium.mjs';
import { flags } from '../../test/support/browser.ts';

/** What a visit left behind. */
export interface Visit {
  /** What the page sent. */
  readonly said: string;
  /** The greatest resident memory of a page's process, in MB; `undefined` where the system does not tell: outside Linux. */
  readonly peakMB: number | undefined;
}

const patienceMs = 60_000;

/**
 * Opens a page in a browser of its own and closes that once the page has sent something.
 *
 * @param said Resolves with what the page sent.
 */
export async function visit(url: string, said: Promise<string>): Promise<Visit> {
  const profile = mkdtempSync(join(tmpdir(), 'espalier-profile-'));
  const own = ['--headless', '--no-sandbox', '--incognito', `--user-data-dir=${profile}`];
  const browser = spawn(findChromium() ?? '', [...own, ...flags, url], { stdio: 'ignore' });
  const ended = once(browser, 'exit');
  const late = new AbortController();
  try {
    const lost = setTimeout(patienceMs, undefined, { signal: late.signal }).then(() => {
      throw new Error(`${url} sent nothing`);
    });
    lost.catch(() => undefined); // Called off below.
    return { said: await Promise.race([said, lost]), peakMB: peakOfPages(browser.pid ?? 0) };
  } finally {
    late.abort();
    const helpers = descendants(browser.pid ?? 0);
    browser.kill('SIGKILL');
    await ended;
    // Some of them still write to the profile.
    while (helpers.some((id) => existsSync(`/proc/${id}`))) await setTimeout(20);
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** Memory of the whole process, code, heap and wasm alike: what an engine keeps where differs too much for less. */
function peakOfPages(browser: number): number | undefined {
  if (!existsSync('/proc/self/status')) return undefined;
  const peaks = descendants(browser)
    .filter((id) => read(id, 'cmdline').includes('--type=renderer'))
    .map((id) => Number(/VmHWM:\s+(\d+) kB/.exec(read(id, 'status'))?.[1] ?? 0) / 1000);
  return peaks.length > 0 ? Math.max(...peaks) : undefined;
}

/** Processes that a process has started, and those that they have. */
function descendants(root: number): number[] {
  const parents = new Map(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [
        Number(name),
        Number(/PPid:\s+(\d+)/.exec(read(Number(name), 'status'))?.[1]),
      ]),
  );
  const below = (id: number): number[] =>
    [...parents]
      .filter(([, parent]) => parent === id)
      .flatMap(([child]) => [child, ...below(child)]);
  return below(root);
}

function read(id: number, file: string): string {
  try {
    return readFileSync(`/proc/${id}/${file}`, 'utf8');
  } catch {
    return ''; // It has ended in the meantime.
  }
}
