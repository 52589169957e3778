// Regenerates src/onnx/proto/onnx_pb.ts from the official schema beside it. Needs npm's registry; run by hand.
//
//   node --import=tsx packages/importers/scripts/generate-onnx-proto.ts
//
// To take a newer schema, replace onnx.proto3 with onnx/onnx.proto3 of github.com/onnx/onnx first.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Generators are fetched for the run only: nobody else needs 60 MB of protobuf compiler.
const tools = ['@bufbuild/buf@1.75.0', '@bufbuild/protoc-gen-es@2.17.0'];

const folder = join(import.meta.dirname, '../src/onnx/proto');
const scratch = mkdtempSync(join(tmpdir(), 'espalier-proto-'));

try {
  // The compiler reads files named .proto only.
  copyFileSync(join(folder, 'onnx.proto3'), join(scratch, 'onnx.proto'));
  const plugin = { local: 'protoc-gen-es', out: '.', opt: ['target=ts', 'erasable_syntax=true'] };
  const settings = { version: 'v2', inputs: [{ directory: '.' }], plugins: [plugin] };
  writeFileSync(join(scratch, 'buf.gen.yaml'), JSON.stringify(settings));
  const packages = tools.flatMap((tool) => ['--package', tool]);
  execFileSync('npx', ['--yes', ...packages, 'buf', 'generate'], {
    cwd: scratch,
    stdio: 'inherit',
  });
  writeFileSync(join(folder, 'onnx_pb.ts'), readFileSync(join(scratch, 'onnx_pb.ts'), 'utf8'));
} finally {
  rmSync(scratch, { recursive: true });
}
