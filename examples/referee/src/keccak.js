// keccak256 with the interface that hashing growing texts needs. Checked against @noble/hashes by the tests; there for speed
// alone (see tools/make-keccak.mjs).
import { keccakF } from './keccak-f.js';

const RATE_BYTES = 136;

/** An unfinished hash: bytes can be added, and the digest so far taken, in turn. */
export class Keccak256 {
  #state = new Int32Array(50);
  #used = 0;

  update(bytes) {
    const state = this.#state;
    let used = this.#used;
    for (let i = 0; i < bytes.length; i++) {
      state[used >> 2] ^= bytes[i] << (8 * (used & 3));
      if (++used < RATE_BYTES) continue;
      keccakF(state);
      used = 0;
    }
    this.#used = used;
    return this;
  }

  /** The digest of what was added up to now; more can be added afterwards. */
  digest() {
    const state = this.#state.slice();
    state[this.#used >> 2] ^= 1 << (8 * (this.#used & 3));
    state[RATE_BYTES / 4 - 1] ^= 0x80 << 24;
    keccakF(state);
    const bytes = new Uint8Array(32);
    for (let i = 0; i < 32; i++) bytes[i] = state[i >> 2] >>> (8 * (i & 3));
    return bytes;
  }
}

export function keccak256(bytes) {
  return new Keccak256().update(bytes).digest();
}
