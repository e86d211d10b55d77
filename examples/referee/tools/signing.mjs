// Makes the program's input: signs a game move by move as its two players would with their wallets.
import { readFileSync } from 'node:fs';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { Chess } from 'chess.js';
import { movetextOf } from '../src/rules.js';
import { addressOf, domainSeparatorOf, signingDigest, structHash, wagerIdOf } from '../src/typed-data.js';
import { numberWord } from '../src/words.js';

export const hex = (bytes) => `0x${bytesToHex(bytes)}`;

/** A player from its 32-byte private key. */
export function playerOf(privateKey) {
  const publicKey = secp256k1.getPublicKey(privateKey, false);
  return { privateKey, publicKey, address: addressOf(publicKey) };
}

/** A private key from a file that holds it in hexadecimal. */
export function readPlayer(path) {
  const text = readFileSync(path, 'utf8').trim();
  if (!/^(0x)?[0-9a-fA-F]{64}$/.test(text)) throw new Error(`${path} does not hold a private key of 64 hexadecimal digits`);
  return playerOf(hexToBytes(text.replace(/^0x/, '')));
}

/** The moves of a PGN file, as standard algebraic notation has them. */
export function readMoves(path) {
  const chess = new Chess();
  chess.loadPgn(readFileSync(path, 'utf8'));
  return chess.history();
}

/** The table of one wager: signs whatever is put to it, legal or not. `wager`: `{ chainId, contract (bytes), number }`, bigints. */
export class Table {
  constructor(wager, white, black) {
    this.wager = wager;
    this.players = { white, black };
    this.wagerId = wagerIdOf(wager);
    this.domainSeparator = domainSeparatorOf(wager);
  }

  /** `{ moves, signatures }` of a game: what `game` and `secondGame` of the input are. */
  game(moves) {
    const signatures = moves.map((_, i) => this.#sign(moverOf(i + 1), 'Move', moves.slice(0, i + 1)));
    return { moves: movetext(moves), signatures };
  }

  resignation(moves, by) {
    return { by, signature: this.#sign(by, 'Resignation', moves) };
  }

  draw(moves, expiresAt) {
    const sign = (side) => this.#sign(side, 'DrawAgreement', moves, numberWord(expiresAt));
    return { expiresAt: String(expiresAt), white: sign('white'), black: sign('black') };
  }

  /** The program's input. */
  input(game, secondGame) {
    const { chainId, contract, number } = this.wager;
    const named = ({ address, publicKey }) => ({ address: hex(address), publicKey: hex(publicKey) });
    return {
      chainId: String(chainId),
      contract: hex(contract),
      number: String(number),
      players: { white: named(this.players.white), black: named(this.players.black) },
      game,
      ...(secondGame && { secondGame }),
    };
  }

  #sign(side, type, moves, ...further) {
    const gameHash = keccak_256(utf8ToBytes(movetext(moves)));
    const digest = signingDigest(this.domainSeparator, structHash(type, this.wagerId, moves.length, gameHash, ...further));
    const recovered = secp256k1.sign(digest, this.players[side].privateKey, { prehash: false, format: 'recovered' });
    return `${hex(recovered.subarray(1))}${(27 + recovered[0]).toString(16)}`;
  }
}

export function movetext(moves) {
  return moves.map((san, i) => movetextOf(i + 1, san)).join('');
}

export function moverOf(ply) {
  return ply % 2 === 1 ? 'white' : 'black';
}
