import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { keyTable, verifyAll } from '../src/secp256k1.js';
import { numberWord } from '../src/words.js';

const N = secp256k1.Point.Fn.ORDER;
const digestOf = (text) => keccak_256(utf8ToBytes(text));

function signed(privateKey, digest) {
  const key = numberWord(privateKey);
  return {
    publicKey: secp256k1.getPublicKey(key, false),
    signature: secp256k1.sign(digest, key, { prehash: false }),
  };
}

function parsed(signature) {
  const number = (bytes) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  return { r: number(signature.slice(0, 32)), s: number(signature.slice(32)) };
}

function holds(publicKey, digest, signature) {
  return verifyAll([{ table: keyTable(publicKey), digest, signature: parsed(signature) }])[0];
}

// Small and large keys bring additions of equal and of opposite points.
const KEYS = [1n, 2n, 3n, 16n, 17n, 31n, 32n, 64n, N - 1n, N - 2n, N >> 1n, BigInt(`0x${'5a'.repeat(32)}`)];

test('what the curve library signs holds, under edge keys too', () => {
  for (const key of KEYS) {
    for (let i = 0; i < 8; i++) {
      const digest = digestOf(`message ${i}`);
      const { publicKey, signature } = signed(key, digest);
      assert.equal(holds(publicKey, digest, signature), true, `key ${key}`);
    }
  }
});

test('agrees with the curve library on changed digests, keys and signatures', () => {
  const digest = digestOf('a move');
  const { publicKey, signature } = signed(KEYS[11], digest);
  const other = signed(KEYS[5], digest).publicKey;
  for (let bit = 0; bit < 512; bit += 7) {
    const changed = Uint8Array.from(signature);
    changed[bit >> 3] ^= 1 << (bit & 7);
    const theirs = secp256k1.verify(changed, digest, publicKey, { prehash: false, lowS: false });
    assert.equal(holds(publicKey, digest, changed), theirs, `bit ${bit}`);
  }
  assert.equal(holds(other, digest, signature), false);
  assert.equal(holds(publicKey, digestOf('another move'), signature), false);
});

test('digests of zero, of the order and of all ones', () => {
  for (const digest of [new Uint8Array(32), numberWord(N), new Uint8Array(32).fill(255)]) {
    for (const key of KEYS) {
      const { publicKey, signature } = signed(key, digest);
      assert.equal(holds(publicKey, digest, signature), true);
      assert.equal(holds(publicKey, digestOf('else'), signature), false);
    }
  }
});

test('both values of s hold; zero and the order do not', () => {
  const digest = digestOf('a move');
  const { publicKey, signature } = signed(KEYS[11], digest);
  const r = signature.slice(0, 32);
  const s = signature.slice(32);
  const high = numberWord(N - BigInt(`0x${Buffer.from(s).toString('hex')}`));
  assert.equal(holds(publicKey, digest, concatBytes(r, high)), true);
  const zero = new Uint8Array(32);
  for (const bad of [concatBytes(zero, s), concatBytes(r, zero), concatBytes(numberWord(N), s), concatBytes(r, numberWord(N))]) {
    assert.equal(holds(publicKey, digest, bad), false);
  }
});

test('a sum at infinity is no signature', () => {
  // u1 G + u2 Q = 0 for Q = -G and digest = r.
  const publicKey = secp256k1.getPublicKey(numberWord(N - 1n), false);
  const r = numberWord(12345n);
  assert.equal(holds(publicKey, r, concatBytes(r, numberWord(77n))), false);
});

test('each of many is judged alone', () => {
  const digest = digestOf('a move');
  const checks = KEYS.map((key) => {
    const { publicKey, signature } = signed(key, digest);
    return { table: keyTable(publicKey), digest, signature: parsed(signature) };
  });
  checks[4].signature = { r: 0n, s: 0n };
  checks[7].digest = digestOf('another move');
  assert.deepEqual(verifyAll(checks), KEYS.map((_, i) => i !== 4 && i !== 7));
});

test('keys that are no points, compressed, or at infinity are refused', () => {
  const good = secp256k1.getPublicKey(numberWord(5n), false);
  const off = Uint8Array.from(good);
  off[64] ^= 1;
  for (const bad of [off, secp256k1.getPublicKey(numberWord(5n), true), new Uint8Array(65), new Uint8Array([0])]) {
    assert.throws(() => keyTable(bad));
  }
});
