// `espalier/vite`: the plugin for this bundler.

import { espalier } from '../plugin.ts';

export default espalier.vite;
