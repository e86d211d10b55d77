// The inputs that the tests and the demo use, by name: `{ input, expected }`, where `expected` is the verdict's state.
import { readdirSync } from 'node:fs';
import { STATE } from '../src/rules.js';
import { readMoves } from './signing.mjs';

const GAMES = new URL('../games/', import.meta.url);

const REPETITION = ['Nf3', 'Nf6', 'Ng1', 'Ng8', 'Nf3', 'Nf6', 'Ng1', 'Ng8'];
const STALEMATE =
  'e3 a5 Qh5 Ra6 Qxa5 h5 h4 Rah6 Qxc7 f6 Qxd7+ Kf7 Qxb7 Qd3 Qxb8 Qh7 Qxc8 Kg6 Qe6'.split(' '); // Sam Loyd's, in ten moves.

export function famousGames() {
  const files = readdirSync(GAMES).filter((name) => name.endsWith('.pgn'));
  return Object.fromEntries(files.map((name) => [name.slice(0, -4), readMoves(new URL(name, GAMES))]));
}

/** Every case at `table` (tools/signing.mjs). `drawExpiresAt`: Unix seconds. */
export function casesOf(table, drawExpiresAt) {
  const opera = readMoves(new URL('opera-1858.pgn', GAMES));
  const deepBlue = readMoves(new URL('deep-blue-kasparov-1997-6.pgn', GAMES));
  const cases = {};
  const put = (name, expected, game, secondGame) => {
    cases[name] = { expected, input: table.input(game, secondGame) };
  };

  for (const [name, moves] of Object.entries(famousGames())) putFamous(name, moves);
  put('not-begun', STATE.ongoing, table.game([]));
  put('truncated', STATE.ongoing, table.game(opera.slice(0, 20)));
  // Black is on move one ply before the end, loses by the next move and says nothing more.
  put('silent-loser', STATE.ongoing, table.game(opera.slice(0, 31)));
  put('repetition', STATE.repetition, table.game(REPETITION));
  put('stalemate', STATE.stalemate, table.game(STALEMATE));
  put('agreed-draw', STATE.agreedDraw, { ...table.game(deepBlue), draw: table.draw(deepBlue, drawExpiresAt) });
  put('illegal-move', STATE.illegal, table.game([...opera.slice(0, 10), 'Ke3']));
  put('forged-signature', STATE.illegal, forged(table.game(opera), 12));
  // White, about to lose a piece, plays another move in the place of its tenth.
  put('takeback', STATE.takeback, table.game(opera.slice(0, 20)), table.game([...opera.slice(0, 18), 'Bxf6']));
  return cases;

  /** A game that did not end on the board ended by the loser's resignation. */
  function putFamous(name, moves) {
    const game = table.game(moves);
    if (moves.at(-1).endsWith('#')) return put(name, STATE.checkmate, game);
    return put(name, STATE.resignation, { ...game, resignation: table.resignation(moves, 'black') });
  }
}

/** The signature of ply `ply` put in the place of the next one of the same player. */
function forged(game, ply) {
  const signatures = [...game.signatures];
  signatures[ply + 1] = signatures[ply - 1];
  return { ...game, signatures };
}
