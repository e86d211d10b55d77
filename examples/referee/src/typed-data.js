// What players sign: EIP-712 typed data, so that any wallet shows the game it is asked to sign.
import { concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { keccak256 } from './keccak.js';
import { addressWord, numberWord } from './words.js';

export const DOMAIN = { name: 'Vouch Wager', version: '1' };

/** The types as `eth_signTypedData_v4` takes them. `game` is the movetext up to and including the move: `1. e4 e5 2. Nf3`. */
export const TYPES = {
  Move: [
    { name: 'wager', type: 'bytes32' },
    { name: 'ply', type: 'uint32' },
    { name: 'game', type: 'string' },
  ],
  Resignation: [
    { name: 'wager', type: 'bytes32' },
    { name: 'ply', type: 'uint32' },
    { name: 'game', type: 'string' },
  ],
  DrawAgreement: [
    { name: 'wager', type: 'bytes32' },
    { name: 'ply', type: 'uint32' },
    { name: 'game', type: 'string' },
    { name: 'expiresAt', type: 'uint64' },
  ],
};

const typeString = (name) => `${name}(${TYPES[name].map((field) => `${field.type} ${field.name}`).join(',')})`;
const hashText = (text) => keccak256(utf8ToBytes(text));
const TYPEHASH = Object.fromEntries(Object.keys(TYPES).map((name) => [name, hashText(typeString(name))]));
const DOMAIN_TYPEHASH = hashText('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)');
const NAME_HASH = hashText(DOMAIN.name);
const VERSION_HASH = hashText(DOMAIN.version);

/** keccak256(abi.encode(chainId, contract, number)): what `Wager.wagerId` returns. */
export function wagerIdOf({ chainId, contract, number }) {
  return keccak256(concatBytes(numberWord(chainId), addressWord(contract), numberWord(number)));
}

export function domainSeparatorOf({ chainId, contract }) {
  return keccak256(
    concatBytes(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, numberWord(chainId), addressWord(contract)),
  );
}

/** hashStruct of one of TYPES; `gameHash` is keccak256 of the movetext. */
export function structHash(type, wagerId, ply, gameHash, ...further) {
  return keccak256(concatBytes(TYPEHASH[type], wagerId, numberWord(BigInt(ply)), gameHash, ...further));
}

export function signingDigest(domainSeparator, hash) {
  return keccak256(concatBytes(PREFIX, domainSeparator, hash));
}

/** The address of a 65-byte public key. */
export function addressOf(publicKey) {
  return keccak256(publicKey.subarray(1)).subarray(12);
}

const PREFIX = hexToBytes('1901');
