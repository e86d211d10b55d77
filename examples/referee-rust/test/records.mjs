// Seeded payloads for both referees: random games, whole or cut, then spoilt in one way each.
import { Chess } from '../../referee/node_modules/chess.js/dist/esm/chess.js';

/** A number generator (minimal standard) that gives integers below `n`. */
export function randomOf(seed) {
  let state = (seed % 2147483646) + 1;
  return (n) => {
    state = (state * 48271) % 2147483647;
    return state % n;
  };
}

/** A random legal game; captures and promotions come first now and then, so that games end on the board. */
function gameOf(below, plies) {
  const chess = new Chess();
  while (chess.history().length < plies && !chess.isGameOver()) {
    const moves = chess.moves();
    const sharp = moves.filter((san) => /[x=#]|O-O/.test(san));
    const from = sharp.length > 0 && below(3) > 0 ? sharp : moves;
    chess.move(from[below(from.length)]);
  }
  return chess.history();
}

const SANS = ['--', 'e2e4', 'e4!', 'Ke9', 'O-O-O-O', '0-0', 'Nb1c3', 'exd6e.p.', 'e8', 'a1=K', '', '\ud800', 'é4', 'Z0', 'Qh5+#'];

/** How a record is spoilt: each takes the table, the moves, and the generator, and gives the payload's text. */
export const KINDS = {
  whole: (table, moves) => text(table.input(table.game(moves))),
  truncated: (table, moves, below) => text(table.input(table.game(moves.slice(0, below(moves.length + 1))))),
  illegal: (table, moves, below) => {
    const at = below(moves.length + 1);
    return text(table.input(table.game([...moves.slice(0, at), SANS[below(SANS.length)], ...moves.slice(at + 1)])));
  },
  marks: (table, moves, below) => {
    const at = below(moves.length);
    const san = /[+#]$/.test(moves[at]) ? moves[at].slice(0, -1) : `${moves[at]}+`;
    return text(table.input(table.game([...moves.slice(0, at), san])));
  },
  continued: (table, moves) => text(table.input(table.game([...moves, 'Kd8']))),
  repeated: (table, moves, below) => {
    const cycle = ['Nf3', 'Nf6', 'Ng1', 'Ng8'];
    const opening = [[], ['e4', 'e5'], ['e4', 'a6', 'e5', 'd5'], ['a4', 'a5']][below(4)];
    return text(table.input(table.game([...opening, ...cycle, ...cycle, ...cycle].slice(0, opening.length + 5 + below(8)))));
  },
  forged: (table, moves, below) => {
    const game = table.game(moves);
    const at = below(moves.length);
    const flipped = (Number.parseInt(game.signatures[at][2 + below(128)], 16) ^ 1).toString(16);
    const where = 2 + below(128);
    game.signatures[at] = game.signatures[at].slice(0, where) + flipped + game.signatures[at].slice(where + 1);
    return text(table.input(game));
  },
  edgeSignature: (table, moves, below) => {
    const game = table.game(moves);
    const values = ['0'.repeat(64), 'f'.repeat(64), ORDER, game.signatures[0].slice(2, 66)];
    game.signatures[below(moves.length)] = `0x${values[below(4)]}${values[below(4)]}`;
    return text(table.input(game));
  },
  highS: (table, moves) => {
    const game = table.game(moves);
    const high = (s) => (BigInt(`0x${ORDER}`) - BigInt(`0x${s}`)).toString(16).padStart(64, '0');
    game.signatures = game.signatures.map((signature) => signature.slice(0, 66) + high(signature.slice(66, 130)));
    return text(table.input(game));
  },
  ended: (table, moves, below) => {
    const shown = below(2) ? moves : moves.slice(0, -1);
    const ending = [
      { resignation: table.resignation(moves, below(2) ? 'white' : 'black') },
      { draw: table.draw(moves, (1n << 64n) - 1n) },
      { draw: { ...table.draw(moves, 5n), expiresAt: '18446744073709551616' } },
      { draw: null },
    ][below(4)];
    return text(table.input({ ...table.game(shown), ...ending }));
  },
  second: (table, moves, below) => {
    const other = [...moves.slice(0, below(moves.length)), ['a3', 'a6', 'Nc3', 'Kd7'][below(4)]];
    return text(table.input(table.game(moves), table.game(other)));
  },
  hostile: (table, moves, below) => HOSTILE[below(HOSTILE.length)](text(table.input(table.game(moves.slice(0, 6)))), below),
};

const ORDER = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141';
const text = JSON.stringify;
const NESTED = (depth) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

/** Spoilt JSON; the first ones are still valid input to a reader that takes JSON as JavaScript does. */
const HOSTILE = [
  (json) => `\ufeff ${json}\n`,
  (json) => `\ufeff\ufeff${json}`,
  (json) => json.replace('{', `{"game":${NESTED(100_000)},`),
  (json) => json.replace('{', '{"number":1e999,"chainId":"\\ud800",'),
  (json) => json.replace('{', `{"game":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)},`),
  (json) => json.replace('{', `{"game":${'[{"a":'.repeat(9)}[],"b":[1 ,{}]${'}]'.repeat(9)},`),
  (json) => json.replace('"moves":"1. ', '"moves":"\\u0031.\\u0020'),
  (json) => json.replace('{', '{"__proto__":{},'),
  (json) => json.replace('{', '{"number":01,'),
  (json) => json.replace('{', '{"number":"\t",'),
  (json) => `${json},`,
  (json) => '['.repeat(500_000),
  (json) => json.padEnd(512 * 1024, ' '),
  (json) => json.padEnd(512 * 1024 + 1, ' '),
  (json, below) => json.slice(0, below(json.length)),
  (json, below) => {
    const at = below(json.length);
    return json.slice(0, at) + String.fromCharCode(below(128)) + json.slice(at + 1);
  },
];

/** `count` payloads, `{ name, payload }`, every kind in turn. */
export function* records(table, below, count) {
  const kinds = Object.entries(KINDS);
  for (let i = 0; i < count; i++) {
    const [kind, make] = kinds[i % kinds.length];
    const moves = gameOf(below, 2 + below(i % 29 === 0 ? 300 : 12));
    yield { name: `${kind} ${i}`, payload: Buffer.from(make(table, moves, below)) };
  }
}
