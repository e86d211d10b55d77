// The rules of chess, by chess.js, and where this referee is stricter: moves are written in one way only, and a game that
// the rules end has no further move.
import { Chess } from 'chess.js';

export const STATE = {
  illegal: 0,
  ongoing: 1,
  checkmate: 2,
  stalemate: 3,
  repetition: 4,
  fiftyMoves: 5,
  insufficientMaterial: 6,
  lengthLimit: 7,
  resignation: 8,
  agreedDraw: 9,
  takeback: 10,
};

/** A game of this many plies is drawn, so that every game ends within what one answer can hold. Tournament games have stayed below 600. */
export const PLIES_MAX = 1024;

/** The form of a move. It keeps out what chess.js would take for a move too: null moves, long notation. */
const NOTATION = /^(?:(?<castling>O-O(-O)?)|(?<piece>[KQRBN])?[a-h]?[1-8]?x?(?<to>[a-h][1-8])(=[QRBN])?)[+#]?$/;

/**
 * Plays a game move by move. Draws by repetition (third time), by 50 moves and by too little material end the game unclaimed.
 *
 * It goes through the internals of chess.js, whose version the lock file pins: the public `move` describes each move at such length
 * (two positions as text, every legal move in notation) that an interpreter spends most of its time there.
 */
export class Play {
  #chess = new Chess();
  #seen = new Map();
  #plies = 0;
  state = STATE.ongoing;

  constructor() {
    this.#countPosition();
  }

  get plies() {
    return this.#plies;
  }

  /** True if `san` is legal here and is written exactly as standard algebraic notation has it (check and mate marks included). */
  move(san) {
    const form = NOTATION.exec(san);
    if (form === null) return false;
    const piece = (form.groups.piece ?? (san[0] === 'O' ? 'K' : 'P')).toLowerCase();
    const offered = this.#chess._moves({ piece });
    const move = offered.find((candidate) => isNamed(candidate, form.groups) && this.#chess._moveToSan(candidate, offered) === san);
    if (move === undefined) return false;
    this.#chess._makeMove(move);
    this.#plies += 1;
    this.state = this.#stateAfter(san);
    return true;
  }

  #stateAfter(san) {
    const times = this.#countPosition();
    if (san.endsWith('#')) return STATE.checkmate;
    if (!this.#canMove()) return STATE.stalemate;
    if (times >= 3) return STATE.repetition;
    if (this.#chess.isDrawByFiftyMoves()) return STATE.fiftyMoves;
    if (this.#chess.isInsufficientMaterial()) return STATE.insufficientMaterial;
    return this.#plies === PLIES_MAX ? STATE.lengthLimit : STATE.ongoing;
  }

  /** One kind of piece after the other: the first one that can move is enough. */
  #canMove() {
    return ['p', 'n', 'k', 'b', 'r', 'q'].some((piece) => this.#chess._moves({ piece }).length > 0);
  }

  /** Counts positions by their whole description, not by a short hash for which collisions could be made. */
  #countPosition() {
    const position = this.#chess.fen().split(' ', 4).join(' ');
    const times = (this.#seen.get(position) ?? 0) + 1;
    this.#seen.set(position, times);
    return times;
  }
}

/** Whether a move of chess.js goes to the square that the notation names; a cheap sieve before the notation is compared. */
function isNamed(move, { castling, to }) {
  return castling !== undefined || algebraic(move.to) === to;
}

/** The name of a square as chess.js numbers them, sixteen a rank from a8. */
function algebraic(square) {
  return 'abcdefgh'[square & 15] + '87654321'[square >> 4];
}

/** The moves of a movetext such as `1. e4 e5 2. Nf3`, or null unless it has exactly this form. */
export function movesOf(movetext) {
  if (movetext === '') return [];
  const tokens = movetext.split(' ');
  const moves = [];
  for (let i = 0; i < tokens.length; i++) {
    if (i % 3 !== 0) moves.push(tokens[i]);
    else if (tokens[i] !== `${i / 3 + 1}.` || i + 1 === tokens.length) return null;
  }
  return moves;
}

/** What ply number `ply` (from 1) adds to the movetext. */
export function movetextOf(ply, san) {
  if (ply % 2 === 0) return ` ${san}`;
  return `${ply === 1 ? '' : ' '}${(ply + 1) / 2}. ${san}`;
}
