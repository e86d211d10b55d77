// From the input to the verdict: replay the game, check every signature, say where it stands.
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { parseInput } from './input.js';
import { Keccak256 } from './keccak.js';
import { movetextOf, Play, STATE } from './rules.js';
import { keyTable, verifyAll } from './secp256k1.js';
import { domainSeparatorOf, signingDigest, structHash, wagerIdOf } from './typed-data.js';
import { addressWord, numberWord } from './words.js';

export const SIDE = { none: 0, white: 1, black: 2 };

/** Why a record is illegal. */
export const FAULT = {
  none: 0,
  illegalMove: 1,
  badSignature: 2,
  moveAfterEnd: 3,
  badEnding: 4,
  badSecondGame: 5,
  noFork: 6,
};

/** The program: input JSON to the ABI-encoded verdict. Throws when the input is malformed. */
export function run(payload) {
  return encodeVerdict(judge(parseInput(payload)));
}

/** The verdict on a parsed input; its fields are those of `IWager.Verdict`. */
export function judge({ wager, white, black, game, secondGame }) {
  const context = {
    wagerId: wagerIdOf(wager),
    domainSeparator: domainSeparatorOf(wager),
    tables: { white: keyTable(white.publicKey), black: keyTable(black.publicKey) },
  };
  const first = standingOf(context, game);
  const standing = secondGame === null ? first : takebackOf(first, standingOf(context, secondGame));
  return { wager: context.wagerId, white: white.address, black: black.address, ...standing };
}

/** Where one game stands; `record` holds the hash of each move as signed, as far as the game is in order. */
function standingOf(context, game) {
  const { play, record, texts, fault } = replay(context, game);
  const valid = verifyAll(
    record.map((hash, i) => ({
      table: context.tables[moverOf(i + 1)],
      digest: signingDigest(context.domainSeparator, hash),
      signature: game.signatures[i],
    })),
  );
  const forged = valid.indexOf(false);
  if (forged !== -1) return illegal(FAULT.badSignature, record.slice(0, forged));
  if (fault !== FAULT.none) return illegal(fault, record);
  return game.ending === null ? onBoard(play, record) : ended(context, game.ending, play, record, texts);
}

/** Plays the moves and hashes them. The hash of a prefix is kept and extended, since each move names the whole game before it. */
function replay({ wagerId }, { moves }) {
  const play = new Play();
  const texts = new Keccak256();
  const record = [];
  for (const san of moves) {
    if (play.state !== STATE.ongoing) return { play, record, texts, fault: FAULT.moveAfterEnd };
    if (!play.move(san)) return { play, record, texts, fault: FAULT.illegalMove };
    texts.update(utf8ToBytes(movetextOf(play.plies, san)));
    record.push(structHash('Move', wagerId, play.plies, texts.digest()));
  }
  return { play, record, texts, fault: FAULT.none };
}

function onBoard({ state, plies }, record) {
  const winner = state === STATE.checkmate ? SIDE[moverOf(plies)] : SIDE.none;
  const onMove = state === STATE.ongoing ? SIDE[moverOf(plies + 1)] : SIDE.none;
  return standing(state, record, { winner, onMove });
}

/** A resignation or an agreed draw: an act of the players while the game goes on. */
function ended({ wagerId, domainSeparator, tables }, ending, play, record, texts) {
  const further = ending.type === 'DrawAgreement' ? [numberWord(ending.expiresAt)] : [];
  const digest = signingDigest(
    domainSeparator,
    structHash(ending.type, wagerId, play.plies, texts.digest(), ...further),
  );
  const checks = ending.signers.map(({ side, signature }) => ({ table: tables[side], digest, signature }));
  const inOrder = play.state === STATE.ongoing && verifyAll(checks).every((valid) => valid);
  if (!inOrder) return illegal(FAULT.badEnding, record);
  if (ending.type === 'DrawAgreement') return standing(STATE.agreedDraw, record, { expiresAt: ending.expiresAt });
  return standing(STATE.resignation, record, { winner: SIDE[otherOf(ending.signers[0].side)] });
}

/** Two games in order that part at some ply: the player who moved there moved twice. */
function takebackOf(first, second) {
  if (first.state === STATE.illegal) return first;
  if (second.state === STATE.illegal) return illegal(FAULT.badSecondGame, first.record);
  const common = Math.min(first.record.length, second.record.length);
  for (let i = 0; i < common; i++) {
    if (first.record[i].every((byte, j) => byte === second.record[i][j])) continue;
    return standing(STATE.takeback, first.record.slice(0, i + 1), { winner: SIDE[otherOf(moverOf(i + 1))] });
  }
  return illegal(FAULT.noFork, first.record);
}

function illegal(fault, record) {
  return standing(STATE.illegal, record, { fault });
}

function standing(state, record, { winner = SIDE.none, onMove = SIDE.none, fault = FAULT.none, expiresAt = 0n }) {
  return { state, winner, onMove, fault, expiresAt, record };
}

function moverOf(ply) {
  return ply % 2 === 1 ? 'white' : 'black';
}

function otherOf(side) {
  return side === 'white' ? 'black' : 'white';
}

/** abi.encode of one `IWager.Verdict`: an offset, nine words, the record's length, the record. */
export function encodeVerdict({ wager, white, black, state, winner, onMove, fault, expiresAt, record }) {
  const small = [state, winner, onMove, fault].map((value) => numberWord(BigInt(value)));
  return concatBytes(
    numberWord(32n),
    wager,
    addressWord(white),
    addressWord(black),
    ...small,
    numberWord(expiresAt),
    numberWord(9n * 32n),
    numberWord(BigInt(record.length)),
    ...record,
  );
}
