// Finds the Chromium that browser tests drive, and installs one where the system can. No dependencies.

import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

const places = [
  '/usr/lib/chromium/chromium',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
];

/** Package managers, and what makes each install Chromium. */
const installers = [
  { tool: 'apt-get', steps: [['update'], ['install', '-y', 'chromium']], root: true },
  { tool: 'dnf', steps: [['install', '-y', 'chromium']], root: true },
  { tool: 'apk', steps: [['add', 'chromium']], root: true },
  { tool: 'pacman', steps: [['-S', '--noconfirm', 'chromium']], root: true },
  { tool: 'brew', steps: [['install', '--cask', 'chromium']], root: false },
];

function executable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // absent or not to be run: another candidate follows
  }
}

const onPath = (name) =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(executable);

/** Path of an installed Chromium or Chrome; `CHROMIUM_PATH` goes first. */
export function findChromium() {
  const chosen = process.env.CHROMIUM_PATH;
  if (chosen) return executable(chosen) ? chosen : undefined;
  return names.map(onPath).find(Boolean) ?? places.find(executable);
}

/** Runs a command quietly; its output goes to stderr, so that test output stays clean. */
const succeeds = (command, args) =>
  spawnSync(command, args, {
    stdio: ['ignore', 2, 2],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  }).status === 0;

/** How to run as root: directly, through a sudo that asks nothing, or not at all. */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  return onPath('sudo') && succeeds('sudo', ['-n', 'true']) ? ['sudo', '-n'] : undefined;
}

/** Finds Chromium, installing it first if need be and if that works without questions. */
export function ensureChromium() {
  const found = findChromium();
  if (found || process.env.CHROMIUM_PATH) return found;
  const installer = installers.find(({ tool }) => onPath(tool));
  const prefix = installer?.root ? rootPrefix() : [];
  if (installer && prefix) {
    console.error(`Installing Chromium with ${installer.tool} for the browser tests.`);
    for (const step of installer.steps) {
      const [command, ...args] = [...prefix, installer.tool, ...step];
      // A failed update is no reason to stop: the lists at hand may do.
      if (!succeeds(command, args) && step !== installer.steps[0]) break;
    }
  }
  const path = findChromium();
  if (!path)
    console.error(
      'No Chromium here: tests in a browser will be skipped. Install the package "chromium", ' +
        'or set CHROMIUM_PATH to a Chromium or Chrome.',
    );
  return path;
}
