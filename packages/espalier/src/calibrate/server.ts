// Serves the calibration page, and waits for what a device reports.

import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SimdModule } from '@espalier/compiler';
import { EspalierError } from '@espalier/ir';
import { badMeasurements } from '../errors.ts';
import { strip } from '../runtime-files.ts';
import { type Measurements, mostReportBytes, parseMeasurements } from './measurements.ts';
import type { Subjects } from './subjects.ts';

const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Espalier: calibration</title>
<style>
  body { font: 1.1rem/1.5 system-ui; max-width: 34rem; margin: 3rem auto; padding: 0 1rem; color-scheme: light dark }
  progress { width: 100% }
</style>
<h1>Calibration</h1>
<p>Starting</p>
<progress value="0"></progress>
<p>Leave this page in front, and the device alone, until it says that it is done.</p>
<script type="module" src="page.js"></script>
</html>
`;

/** Browsers give pages that are isolated so a finer clock, where they are from a safe origin. */
const isolation = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cache-control': 'no-store',
};

/** A calibration that waits for a device. */
export interface CalibrationServer {
  readonly port: number;
  /**
   * Settles with the first whole report.
   *
   * @throws {EspalierError} BAD_MEASUREMENTS, where the page stops
   */
  readonly report: Promise<Measurements>;
  close(): Promise<void>;
}

/** Where to serve, and what is wanted. */
export interface ServerOptions {
  /** Interface to listen on: `0.0.0.0` for devices in the network; default this machine alone. */
  readonly host?: string;
  /** By default any that is free. */
  readonly port?: number;
  /** The one module to time; by default all that the device runs. */
  readonly only?: SimdModule | undefined;
}

/** The code of a module beside this one, for browsers. */
async function script(name: string): Promise<string> {
  const built = import.meta.url.endsWith('.js');
  const text = await readFile(new URL(`./${name}.${built ? 'js' : 'ts'}`, import.meta.url), 'utf8');
  return built ? text : strip(text);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > mostReportBytes)
      throw badMeasurements(`there are more than ${mostReportBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/**
 * Starts serving.
 *
 * @param onProgress Told which group was asked for, of how many.
 */
export async function serveCalibration(
  subjects: Subjects,
  { host = 'localhost', port = 0, only }: ServerOptions = {},
  onProgress: (done: number, count: number) => void = () => undefined,
): Promise<CalibrationServer> {
  let settle: (report: Measurements) => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;
  const report = new Promise<Measurements>((resolve, reject) => {
    settle = resolve;
    fail = reject;
  });
  // Whoever waits for it hears of it.
  report.catch(() => undefined);

  const answers: Readonly<Record<string, () => Promise<readonly [type: string, body: string]>>> = {
    '/': async () => ['text/html; charset=utf-8', html],
    '/page.js': async () => ['text/javascript', await script('page')],
    '/time-program.js': async () => ['text/javascript', await script('time-program')],
    '/groups': async () => ['application/json', JSON.stringify({ count: subjects.count, only })],
  };
  const groupAnswer = (index: number): string => {
    onProgress(index, subjects.count);
    const sent = subjects.group(index).map(({ id, manner, program, modules, file }) => {
      const { plain, relaxed } = modules;
      return {
        id,
        manner,
        program,
        plain: base64(plain),
        relaxed: base64(relaxed),
        ...(file && { file: base64(file) }),
      };
    });
    return JSON.stringify(sent);
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const send = (status: number, type: string, body: string) =>
      response.writeHead(status, { ...isolation, 'content-type': type }).end(body);
    if (request.method === 'POST' && pathname === '/measurements') {
      settle(parseMeasurements(await bodyOf(request)));
      send(200, 'application/json', '{}');
      return;
    }
    if (request.method === 'POST' && pathname === '/failure') {
      fail(badMeasurements(`the page stopped: ${(await bodyOf(request)).slice(0, 500)}`));
      send(200, 'application/json', '{}');
      return;
    }
    const index = Number(/^\/groups\/(\d{1,6})$/.exec(pathname)?.[1] ?? Number.NaN);
    const known = Object.hasOwn(answers, pathname) ? answers[pathname] : undefined;
    if (request.method !== 'GET') send(405, 'text/plain', 'only GET');
    else if (known) send(200, ...(await known()));
    else if (index < subjects.count) send(200, 'application/json', groupAnswer(index));
    else send(404, 'text/plain', 'nothing here');
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      const ours = error instanceof EspalierError;
      response.writeHead(ours ? 400 : 500).end(ours ? error.message : 'the server has a fault');
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    // A server that listens on a port has an address of this kind.
    port: (server.address() as AddressInfo).port,
    report,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
