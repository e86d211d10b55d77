import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { Keccak256, keccak256 } from '../src/keccak.js';
import { source } from '../tools/make-keccak.mjs';

const bytesOf = (length) => Uint8Array.from({ length }, (_, i) => (i * 167 + length) & 0xff);

test('agrees with the library at every length around the block size', () => {
  for (let length = 0; length <= 420; length++) assert.deepEqual(keccak256(bytesOf(length)), keccak_256(bytesOf(length)));
});

test('a digest taken in between does not disturb what follows', () => {
  const hash = new Keccak256();
  const bytes = bytesOf(400);
  for (let i = 0; i < 400; i += 7) {
    hash.update(bytes.subarray(i, i + 7));
    assert.deepEqual(hash.digest(), keccak_256(bytes.subarray(0, i + 7)));
  }
});

test('the generated permutation is fresh', () => {
  assert.equal(readFileSync(new URL('../src/keccak-f.js', import.meta.url), 'utf8'), source());
});
