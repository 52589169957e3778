// The adapters, by the name that unplugin gives each bundler.

import type { Adapter, AdapterSetup } from './adapter.ts';
import { esbuild } from './esbuild.ts';
import { farm } from './farm.ts';
import { rollup } from './rollup.ts';
import { vite } from './vite.ts';
import { webpack } from './webpack.ts';

export type { Adapter } from './adapter.ts';

/** A bundler that the plugin serves. */
export type Framework = 'vite' | 'rollup' | 'rolldown' | 'webpack' | 'rspack' | 'esbuild' | 'farm';

/** How each bundler takes files. */
export const adapters: Readonly<Record<Framework, (setup: AdapterSetup) => Adapter>> = {
  vite,
  rollup,
  rolldown: rollup,
  webpack,
  rspack: webpack,
  esbuild,
  farm,
};
