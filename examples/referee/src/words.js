// 32-byte words, as the ABI has them.

/** @param {bigint} value below 2^256 */
export function numberWord(value) {
  const word = new Uint8Array(32);
  for (let i = 31; value > 0n; i--, value >>= 8n) word[i] = Number(value & 0xffn);
  return word;
}

/** @param {Uint8Array} address 20 bytes */
export function addressWord(address) {
  const word = new Uint8Array(32);
  word.set(address, 12);
  return word;
}
