// Arrays as NumPy saves them: read exactly, or refused.

import { readFileSync } from 'node:fs';
import { readNpy } from '@espalier/importers';
import { EspalierError } from '@espalier/ir';
import t from 'tap';
import { readNpy as trustingly } from '../support/npy.ts';
import { npyFile } from '../support/npy-file.ts';
import { sharedData, skipWithoutData } from '../support/shared-data.ts';

const refusal = (bytes: Uint8Array): string | undefined => {
  try {
    readNpy(bytes, 'x.npy');
    return undefined;
  } catch (error) {
    if (error instanceof EspalierError) return error.code;
    throw error;
  }
};

t.test('reads numbers of every width as floats', async (t) => {
  const { shape, data } = readNpy(
    npyFile('<f4', [2, 3], Float32Array.of(1, -2, 3.5, 4, 5, 6)),
    'x',
  );
  t.same(shape, [2, 3], 'shape');
  t.same([...data], [1, -2, 3.5, 4, 5, 6], 'floats');
  t.same([...readNpy(npyFile('|u1', [3], Uint8Array.of(0, 7, 255)), 'x').data], [0, 7, 255], 'u8');
  t.same([...readNpy(npyFile('<i2', [2], Int16Array.of(-5, 300)), 'x').data], [-5, 300], 'i16');
  t.same([...readNpy(npyFile('<f8', [1], Float64Array.of(0.25)), 'x').data], [0.25], 'f64');
  t.same(readNpy(npyFile('<f4', [], Float32Array.of(9)), 'x').shape, [], 'rank 0');
});

t.test('reads what NumPy wrote', skipWithoutData, async (t) => {
  const bytes = readFileSync(sharedData('cifar10', 'test-500-labels.npy'));
  t.same(readNpy(bytes, 'labels').shape, [500], 'shape');
  t.same([...readNpy(bytes, 'labels').data], [...trustingly(bytes).data], 'labels');
});

t.test('refuses what is cut off, or not as it says', async (t) => {
  const whole = npyFile('<f4', [2, 3], new Float32Array(6));
  for (let length = 0; length < whole.length; length++)
    if (refusal(whole.subarray(0, length)) !== 'BAD_ARRAY') t.fail(`${length} bytes are taken`);
  t.equal(refusal(Uint8Array.of(...whole, 0)), 'BAD_ARRAY', 'a byte too many');
  t.equal(refusal(npyFile('<c8', [1], new Float32Array(2))), 'BAD_ARRAY', 'complex numbers');
  t.equal(refusal(npyFile('<f4', [2 ** 40, 2 ** 40], new Float32Array(1))), 'BAD_ARRAY', 'a shape');
  const turned = Buffer.from(
    Buffer.from(whole).toString('latin1').replace('False', 'True '),
    'latin1',
  );
  t.equal(refusal(turned), 'BAD_ARRAY', 'Fortran order');
});
