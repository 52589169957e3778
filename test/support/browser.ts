// Verbs for tests in a browser: start Chromium, serve a folder, open a page and collect its complaints.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize, sep } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Browser, chromium, type Page } from 'playwright-core';
import { findChromium } from '../../scripts/chromium.mjs';

const executablePath = findChromium();

/** A tap option: skips, saying so, where there is no Chromium. */
export const skipWithoutChromium = executablePath
  ? {}
  : { skip: 'no Chromium here (install it, or set CHROMIUM_PATH)' };

/** What every browser of the tests and benchmarks is started with. */
export const flags = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts Chromium without a window. The caller closes it. */
export async function launch(): Promise<Browser> {
  if (!executablePath) throw new Error('launch() in a test without skipWithoutChromium');
  return chromium.launch({ executablePath, headless: true, chromiumSandbox: false, args: flags });
}

const mimeTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.mjs': 'text/javascript',
  '.png': 'image/png',
  '.wasm': 'application/wasm',
};

/** A folder that is being served. */
export interface Served {
  /** Such as `http://localhost:40123`, without a slash at the end. */
  readonly url: string;
  close(): Promise<void>;
}

/** Contents of files, as they were when they were last asked for: a host on this machine should not be what is timed. */
function createContents(): (file: string) => Buffer {
  const held = new Map<string, { readonly mtimeMs: number; readonly content: Buffer }>();
  return (file) => {
    const { mtimeMs } = statSync(file);
    const known = held.get(file);
    if (known?.mtimeMs === mtimeMs) return known.content;
    const content = readFileSync(file);
    held.set(file, { mtimeMs, content });
    return content;
  };
}

/**
 * Serves a folder on a free port, as a static host would, with these headers on every response.
 *
 * @param onPost Told what pages send.
 */
export async function serve(
  folder: string,
  headers: Readonly<Record<string, string>> = {},
  onPost: (body: string) => void = () => undefined,
): Promise<Served> {
  const contentOf = createContents();
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      text(request).then(onPost, () => undefined); // Whoever waits for it finds that it has not come.
      response.writeHead(204, headers).end();
      return;
    }
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const asked = normalize(join(folder, decodeURIComponent(pathname)));
    const file =
      existsSync(asked) && statSync(asked).isDirectory() ? join(asked, 'index.html') : asked;
    if (!file.startsWith(normalize(folder + sep)) || !existsSync(file)) {
      response.writeHead(404, headers).end();
      return;
    }
    const type = mimeTypes[extname(file)] ?? 'application/octet-stream';
    const length = statSync(file).size;
    response.writeHead(200, { ...headers, 'content-type': type, 'content-length': length });
    response.end(contentOf(file));
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  // A server that listens on a port has an address of this kind.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://localhost:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** A page, and what went wrong on it so far: uncaught errors, console errors, failed requests. */
export interface Opened {
  readonly page: Page;
  readonly complaints: readonly string[];
}

/** Opens a page in a context of its own, without cache or storage from before. */
export async function open(browser: Browser, url: string): Promise<Opened> {
  const page = await (await browser.newContext()).newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.location().url.endsWith('/favicon.ico'))
      complaints.push(message.text());
  });
  page.on('requestfailed', (request) => complaints.push(`${request.url()} failed`));
  await page.goto(url);
  return { page, complaints };
}
