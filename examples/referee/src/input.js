// The program's input: JSON, checked to the last field before anything is computed from it. What is malformed ends in an
// error, which the cloud certifies as a trap: it says nothing about any game.
import { hexToBytes } from '@noble/hashes/utils.js';
import { movesOf, PLIES_MAX } from './rules.js';
import { addressOf } from './typed-data.js';

const PAYLOAD_BYTES_MAX = 512 * 1024;
const SIGNATURE = /^0x[0-9a-fA-F]{128}([0-9a-fA-F]{2})?$/;
const UINT64_MAX = (1n << 64n) - 1n;
const UINT256_MAX = (1n << 256n) - 1n;

/** Throws with the path of the first field that is wrong. */
export function parseInput(payload) {
  if (payload.length > PAYLOAD_BYTES_MAX) throw new Error(`the payload has more than ${PAYLOAD_BYTES_MAX} bytes`);
  const input = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  requireKeys(input, 'input', ['chainId', 'contract', 'number', 'players', 'game'], ['secondGame']);
  requireKeys(input.players, 'players', ['white', 'black']);
  return {
    wager: {
      chainId: parseNumber(input.chainId, 'chainId', UINT256_MAX),
      contract: parseBytes(input.contract, 'contract', 20),
      number: parseNumber(input.number, 'number', UINT256_MAX),
    },
    white: parsePlayer(input.players.white, 'players.white'),
    black: parsePlayer(input.players.black, 'players.black'),
    game: parseGame(input.game, 'game', ['resignation', 'draw']),
    secondGame: input.secondGame === undefined ? null : parseGame(input.secondGame, 'secondGame', []),
  };
}

function parsePlayer(player, path) {
  requireKeys(player, path, ['address', 'publicKey']);
  const address = parseBytes(player.address, `${path}.address`, 20);
  const publicKey = parseBytes(player.publicKey, `${path}.publicKey`, 65);
  const derived = addressOf(publicKey);
  if (!address.every((byte, i) => byte === derived[i])) throw new Error(`${path}: the key is not that of the address`);
  return { address, publicKey };
}

function parseGame(game, path, optional) {
  requireKeys(game, path, ['moves', 'signatures'], optional);
  if (typeof game.moves !== 'string') throw new Error(`${path}.moves is not a string`);
  const moves = movesOf(game.moves);
  if (moves === null) throw new Error(`${path}.moves is not a movetext like "1. e4 e5 2. Nf3"`);
  if (moves.length > PLIES_MAX) throw new Error(`${path}.moves has more than ${PLIES_MAX} plies`);
  if (!Array.isArray(game.signatures) || game.signatures.length !== moves.length) {
    throw new Error(`${path}.signatures is not a list of one signature a move`);
  }
  return {
    moves,
    signatures: game.signatures.map((signature, i) => parseSignature(signature, `${path}.signatures[${i}]`)),
    ending: parseEnding(game, path),
  };
}

/** How players ended the game off the board: `{ type, signers: [{ side, signature }], expiresAt }`, or null. */
function parseEnding({ resignation, draw }, path) {
  if (resignation !== undefined && draw !== undefined) throw new Error(`${path} has both a resignation and a draw`);
  if (resignation !== undefined) {
    requireKeys(resignation, `${path}.resignation`, ['by', 'signature']);
    const { by } = resignation;
    if (by !== 'white' && by !== 'black') throw new Error(`${path}.resignation.by is neither white nor black`);
    const signature = parseSignature(resignation.signature, `${path}.resignation.signature`);
    return { type: 'Resignation', signers: [{ side: by, signature }], expiresAt: 0n };
  }
  if (draw === undefined) return null;
  requireKeys(draw, `${path}.draw`, ['expiresAt', 'white', 'black']);
  const signers = ['white', 'black'].map((side) => ({
    side,
    signature: parseSignature(draw[side], `${path}.draw.${side}`),
  }));
  return { type: 'DrawAgreement', signers, expiresAt: parseNumber(draw.expiresAt, `${path}.draw.expiresAt`, UINT64_MAX) };
}

/** `{ r, s }`, of 64 or 65 bytes. The recovery byte is not read, since the key is known. */
function parseSignature(text, path) {
  if (typeof text !== 'string' || !SIGNATURE.test(text)) throw new Error(`${path} is not 0x and 64 or 65 bytes in hexadecimal`);
  return { r: BigInt(`0x${text.slice(2, 66)}`), s: BigInt(`0x${text.slice(66, 130)}`) };
}

function parseNumber(value, path, max) {
  if (typeof value !== 'string' || !/^(0|[1-9][0-9]{0,77})$/.test(value)) throw new Error(`${path} is not a decimal string`);
  const number = BigInt(value);
  if (number > max) throw new Error(`${path} is too large`);
  return number;
}

function parseBytes(text, path, length) {
  const wellFormed = typeof text === 'string' && text.length === 2 + 2 * length && /^0x[0-9a-fA-F]*$/.test(text);
  if (!wellFormed) throw new Error(`${path} is not 0x and ${length} bytes in hexadecimal`);
  return hexToBytes(text.slice(2));
}

function requireKeys(value, path, required, optional = []) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${path} is not an object`);
  for (const key of required) if (!Object.hasOwn(value, key)) throw new Error(`${path}.${key} is missing`);
  for (const key of Object.keys(value)) {
    if (!required.includes(key) && !optional.includes(key)) throw new Error(`${path}.${key} is unknown`);
  }
}
