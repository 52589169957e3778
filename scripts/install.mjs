// Installs what the repository needs, if that was not done since the lock file changed. No dependencies.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** Runs a command in the repository's root, with its output shown, and returns its exit code. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    // npm and npx are command files on Windows.
    shell: process.platform === 'win32',
    ...options,
  });
  if (error) throw error;
  return status ?? 1;
}

/** Runs a command that has to succeed; otherwise this process ends with its exit code. */
export function must(command, args) {
  const status = run(command, args);
  if (status !== 0) process.exit(status);
}

/** Runs one of the installed packages' commands by name. */
export const bin = (name, args, options) =>
  run(process.execPath, [join(root, 'node_modules', ...name.split('/')), ...args], options);

/** Digest of the lock file: times of files say nothing after a checkout. */
const lockDigest = () => {
  const lock = join(root, 'package-lock.json');
  return existsSync(lock) ? createHash('sha256').update(readFileSync(lock)).digest('hex') : '';
};

/**
 * Makes `node_modules` whole, and builds tap's plugins, which its first run would otherwise lack.
 * The stamp is written last: an interrupted install is started again.
 */
export function install() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`Node ${process.versions.node} is too old: 20.19 or newer is needed.`);
    process.exit(1);
  }
  const stamp = join(root, 'node_modules/.installed');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lockDigest()) return;
  must('npm', ['install', '--no-audit', '--no-fund']);
  if (bin('tap/dist/esm/run.mjs', ['build']) !== 0) process.exit(1);
  writeFileSync(stamp, lockDigest());
}
