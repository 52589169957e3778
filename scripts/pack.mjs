// `npm run pack`: checks what would be published of each package.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

const packages = join(import.meta.dirname, '../packages');
let troubles = 0;
for (const name of readdirSync(packages)) {
  const { messages, pkg } = await publint({ pkgDir: join(packages, name), strict: true });
  for (const message of messages) console.log(`${pkg.name}: ${formatMessage(message, pkg)}`);
  troubles += messages.length;
}
console.log(troubles === 0 ? 'every package can be published' : `${troubles} troubles`);
process.exit(troubles === 0 ? 0 : 1);
