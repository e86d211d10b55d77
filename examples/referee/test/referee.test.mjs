import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { Chess } from 'chess.js';
import { parseInput } from '../src/input.js';
import { FAULT, judge, run, SIDE } from '../src/referee.js';
import { PLIES_MAX, STATE } from '../src/rules.js';
import { addressOf } from '../src/typed-data.js';
import { casesOf, famousGames } from '../tools/cases.mjs';
import { hex, playerOf, Table } from '../tools/signing.mjs';
import { FIXTURE, verdictsJson } from '../tools/verdicts.mjs';

const WAGER = { chainId: 31337n, contract: hexToBytes('5fbdb2315678afecb367f032d93f642f64180aa3'), number: 7n };
const WHITE = playerOf(hexToBytes('11'.repeat(32)));
const BLACK = playerOf(hexToBytes('22'.repeat(32)));
const STRANGER = playerOf(hexToBytes('33'.repeat(32)));
const EXPIRES_AT = 1_800_000_000n;

const table = new Table(WAGER, WHITE, BLACK);
const cases = casesOf(table, EXPIRES_AT);
const opera = famousGames()['opera-1858'];

const encode = (input) => utf8ToBytes(JSON.stringify(input));
const verdictOf = (input) => judge(parseInput(encode(input)));

/** Judges `input` and compares the fields that `expected` names. */
function check(input, expected) {
  const verdict = verdictOf(input);
  assert.equal(hex(verdict.wager), hex(table.wagerId));
  const { plies, ...fields } = expected;
  for (const [name, value] of Object.entries(fields)) assert.equal(verdict[name], value, name);
  if (plies !== undefined) assert.equal(verdict.record.length, plies, 'plies');
}

test('at least ten famous games replay legally, signed move by move, and end as they ended', () => {
  const games = famousGames();
  assert.ok(Object.keys(games).length >= 10);
  for (const [name, moves] of Object.entries(games)) {
    const { expected, input } = cases[name];
    const winner = name.startsWith('game-of-the-century') ? SIDE.black : SIDE.white;
    check(input, { state: expected, winner, onMove: SIDE.none, fault: FAULT.none, plies: moves.length });
  }
});

test('every case of the demo has the state it is named for', () => {
  for (const { input, expected } of Object.values(cases)) assert.equal(verdictOf(input).state, expected);
});

test('a truncated game goes on, and a game not begun waits for white', () => {
  check(cases.truncated.input, { state: STATE.ongoing, onMove: SIDE.white, winner: SIDE.none, plies: 20 });
  check(cases['silent-loser'].input, { state: STATE.ongoing, onMove: SIDE.black, plies: 31 });
  check(cases['not-begun'].input, { state: STATE.ongoing, onMove: SIDE.white, plies: 0 });
});

test('an illegal move is a fault, after the moves before it', () => {
  check(cases['illegal-move'].input, { state: STATE.illegal, fault: FAULT.illegalMove, winner: SIDE.none, plies: 10 });
});

test('a move in another notation is a fault: a move is written in one way only', () => {
  for (const moves of [['e2e4'], ['e4!'], ['Ng1f3'], ['Ngf3'], ['e4', 'E5'], ['--'], ['Z0'], ['constructor']]) {
    check(table.input(table.game(moves)), { state: STATE.illegal, fault: FAULT.illegalMove, plies: moves.length - 1 });
  }
  check(table.input(table.game([...opera.slice(0, 23), '0-0-0'])), { fault: FAULT.illegalMove });
});

test('a forged signature is a fault', () => {
  check(cases['forged-signature'].input, { state: STATE.illegal, fault: FAULT.badSignature, plies: 13 });
});

test('a move signed by the other player, by a stranger, or for another wager, contract or chain is a fault', () => {
  const others = [
    new Table(WAGER, BLACK, WHITE),
    new Table(WAGER, STRANGER, BLACK),
    new Table({ ...WAGER, number: 8n }, WHITE, BLACK),
    new Table({ ...WAGER, chainId: 1n }, WHITE, BLACK),
    new Table({ ...WAGER, contract: new Uint8Array(20) }, WHITE, BLACK),
  ];
  for (const other of others) {
    check(table.input(other.game(opera.slice(0, 4))), { state: STATE.illegal, fault: FAULT.badSignature, plies: 0 });
  }
});

test('a signature over another prefix does not carry over', () => {
  const game = table.game(['e4', 'e5', 'Nf3']);
  const other = table.game(['d4', 'e5', 'Nf3']);
  const mixed = { ...game, signatures: [game.signatures[0], game.signatures[1], other.signatures[2]] };
  check(table.input(mixed), { state: STATE.illegal, fault: FAULT.badSignature, plies: 2 });
});

test('a move after mate is a fault', () => {
  check(table.input(table.game([...opera, 'Kd8'])), { state: STATE.illegal, fault: FAULT.moveAfterEnd, plies: 33 });
});

test('the third repetition, fifty moves, stalemate and bare kings end the game as a draw', () => {
  check(cases.repetition.input, { state: STATE.repetition, winner: SIDE.none, onMove: SIDE.none, plies: 8 });
  check(cases.stalemate.input, { state: STATE.stalemate, winner: SIDE.none, plies: 19 });
  const shuffle = fiftyMoves();
  check(table.input(table.game(shuffle)), { state: STATE.fiftyMoves, winner: SIDE.none, plies: shuffle.length });
});

test('a position that differs in castling rights is not repeated', () => {
  const moves = 'e4 e5 Ke2 Ke7 Ke1 Ke8 Ke2 Ke7 Ke1 Ke8'.split(' ');
  check(table.input(table.game(moves)), { state: STATE.ongoing });
  check(table.input(table.game([...moves, 'Ke2', 'Ke7'])), { state: STATE.repetition });
});

test('a resignation ends the game for the other side; a forged one is a fault', () => {
  const moves = opera.slice(0, 10);
  const game = table.game(moves);
  check(table.input({ ...game, resignation: table.resignation(moves, 'white') }), {
    state: STATE.resignation,
    winner: SIDE.black,
    plies: 10,
  });
  const forged = { by: 'black', signature: table.resignation(moves, 'white').signature };
  check(table.input({ ...game, resignation: forged }), { state: STATE.illegal, fault: FAULT.badEnding });
  const elsewhere = table.resignation(opera.slice(0, 8), 'white');
  check(table.input({ ...game, resignation: elsewhere }), { state: STATE.illegal, fault: FAULT.badEnding });
});

test('an agreed draw needs both signatures over the same position and the same expiry', () => {
  check(cases['agreed-draw'].input, { state: STATE.agreedDraw, winner: SIDE.none, expiresAt: EXPIRES_AT, plies: 37 });
  const moves = opera.slice(0, 10);
  const game = table.game(moves);
  const draw = table.draw(moves, EXPIRES_AT);
  const earlier = table.draw(opera.slice(0, 8), EXPIRES_AT);
  for (const bad of [
    { ...draw, white: draw.black },
    { ...draw, expiresAt: String(EXPIRES_AT + 1n) },
    { ...draw, black: earlier.black },
  ]) {
    check(table.input({ ...game, draw: bad }), { state: STATE.illegal, fault: FAULT.badEnding });
  }
});

test('after mate nobody resigns', () => {
  const game = { ...table.game(opera), resignation: table.resignation(opera, 'white') };
  check(table.input(game), { state: STATE.illegal, fault: FAULT.badEnding });
});

test('a player who takes a move back loses; the other one does not', () => {
  check(cases.takeback.input, { state: STATE.takeback, winner: SIDE.black, plies: 19 });
  const black = table.input(table.game(opera.slice(0, 20)), table.game([...opera.slice(0, 15), 'Qd7']));
  check(black, { state: STATE.takeback, winner: SIDE.white, plies: 16 });
});

test('a second game that continues the first, is illegal or is forged proves nothing', () => {
  const game = table.game(opera.slice(0, 20));
  const forged = table.game([...opera.slice(0, 18), 'Bxf6']);
  forged.signatures[18] = forged.signatures[16];
  check(table.input(game, table.game(opera.slice(0, 22))), { state: STATE.illegal, fault: FAULT.noFork });
  check(table.input(game, game), { state: STATE.illegal, fault: FAULT.noFork });
  check(table.input(game, table.game([...opera.slice(0, 18), 'Ke7'])), { fault: FAULT.badSecondGame });
  check(table.input(game, forged), { state: STATE.illegal, fault: FAULT.badSecondGame });
});

test('records agree exactly as far as the games do', () => {
  const record = (moves) => verdictOf(table.input(table.game(moves))).record.map(hex);
  const long = record(opera.slice(0, 12));
  assert.deepEqual(record(opera.slice(0, 5)), long.slice(0, 5));
  const other = record([...opera.slice(0, 4), 'd5']);
  assert.deepEqual(other.slice(0, 4), long.slice(0, 4));
  assert.notEqual(other[4], long[4]);
});

test('the output is the ABI encoding of the verdict', () => {
  const output = run(encode(cases.takeback.input));
  const word = (i) => hex(output.subarray(32 * i, 32 * i + 32));
  const number = (i) => Number(BigInt(word(i)));
  assert.equal(output.length, 32 * (11 + 19));
  assert.equal(number(0), 32);
  assert.equal(word(1), hex(table.wagerId));
  assert.equal(word(2).slice(26), hex(addressOf(WHITE.publicKey)).slice(2));
  assert.equal(word(3).slice(26), hex(addressOf(BLACK.publicKey)).slice(2));
  assert.deepEqual([4, 5, 6, 7, 8, 9, 10].map(number), [STATE.takeback, SIDE.black, 0, 0, 0, 9 * 32, 19]);
});

test('the verdicts that the contract is tested with are those of this program', () => {
  const fresh = 'node tools/verdicts.mjs > ../../vectors/referee.json';
  assert.equal(readFileSync(FIXTURE, 'utf8'), verdictsJson(), `stale: run ${fresh}`);
});

test('malformed input is an error that names the field', () => {
  const good = cases.truncated.input;
  const bad = (change) => encode(change(structuredClone(good)));
  const set = (path, value) => (input) => {
    const keys = path.split('.');
    const last = keys.pop();
    keys.reduce((at, key) => at[key], input)[last] = value;
    return input;
  };
  const list = [
    [utf8ToBytes('{'), /JSON/],
    [new Uint8Array([0xff, 0xfe]), /.*/],
    [utf8ToBytes('null'), /input is not an object/],
    [bad(set('chainId', 31337)), /chainId is not a decimal string/],
    [bad(set('chainId', '0x1')), /chainId is not a decimal string/],
    [bad(set('number', '9'.repeat(78))), /number is too large/],
    [bad(set('contract', '0x00')), /contract is not 0x and 20 bytes/],
    [bad(set('extra', 1)), /input.extra is unknown/],
    [bad(set('game.more', 1)), /game.more is unknown/],
    [bad(set('game.moves', '1.e4 e5')), /game.moves is not a movetext/],
    [bad(set('game.moves', '1. e4  e5')), /game.moves is not a movetext/],
    [bad(set('game.signatures', [])), /one signature a move/],
    [bad(set('game.signatures.3', '0x12')), /game.signatures\[3\]/],
    [bad(set('players.white.address', hex(BLACK.address))), /the key is not that of the address/],
    [bad(set('players.white.publicKey', hex(WHITE.publicKey).slice(0, -2))), /players.white.publicKey/],
    [bad(set('game.resignation', { by: 'grey', signature: good.game.signatures[0] })), /neither white nor black/],
    [new Uint8Array(600_000), /more than/],
  ];
  for (const [payload, message] of list) assert.throws(() => run(payload), { message });
});

test('a public key that is no point of the curve is refused', () => {
  const input = structuredClone(cases.truncated.input);
  const publicKey = Uint8Array.from(WHITE.publicKey);
  publicKey[64] ^= 1;
  input.players.white = { address: hex(addressOf(publicKey)), publicKey: hex(publicKey) };
  assert.throws(() => run(encode(input)));
});

test('a game at the length limit is drawn and a longer one is malformed', () => {
  const moves = longestGame();
  check(table.input(table.game(moves)), { state: STATE.lengthLimit, winner: SIDE.none, plies: PLIES_MAX });
  const signatures = new Array(PLIES_MAX + 1).fill(cases.truncated.input.game.signatures[0]);
  const game = { moves: `${table.game(moves).moves} ${PLIES_MAX / 2 + 1}. Nf3`, signatures };
  assert.throws(() => run(encode(table.input(game))), { message: /more than .* plies/ });
});

/** Fifty moves of both sides without a capture or a pawn move, and without a third repetition. */
function fiftyMoves() {
  return walk(100, Infinity);
}

/** A game to the length limit: a pawn moves before fifty moves are over. */
function longestGame() {
  return walk(PLIES_MAX, 90);
}

/** A legal game of `plies` plies in which no position comes twice and no pawn moves before `quiet` plies without one. */
function walk(plies, quiet) {
  const chess = new Chess();
  const seen = new Set();
  let sinceReset = 0;
  let random = 1;
  while (chess.history().length < plies) {
    const offered = chess.moves({ verbose: true }).filter((move) => !move.isCapture());
    const wanted = offered.filter((move) => (move.piece === 'p') === sinceReset >= quiet);
    const fresh = wanted.filter((move) => !seen.has(placing(move.after)) && !/[+#]/.test(move.san));
    assert.ok(fresh.length > 0, 'the walk has come to a dead end');
    random = (random * 48271) % 2147483647;
    const move = chess.move(fresh[random % fresh.length].san);
    seen.add(placing(move.after));
    sinceReset = move.piece === 'p' ? 0 : sinceReset + 1;
  }
  return chess.history();
}

function placing(fen) {
  return fen.split(' ', 2).join(' ');
}
