#!/usr/bin/env node
// Signs a game in PGN move by move with two private keys and writes the referee's input to stdout.
import { parseArgs } from 'node:util';
import { readMoves, Table } from './tools/signing.mjs';
import { readTable, TABLE_OPTIONS, TABLE_USAGE, usageError } from './tools/arguments.mjs';

const USAGE = `usage: node sign.mjs ${TABLE_USAGE} [--plies N] [--resign white|black | --draw EXPIRES_AT] GAME.pgn`;

try {
  const { values, positionals } = parseArgs({
    options: { ...TABLE_OPTIONS, plies: { type: 'string' }, resign: { type: 'string' }, draw: { type: 'string' } },
    allowPositionals: true,
  });
  if (positionals.length !== 1) throw new Error('name one game');
  const table = new Table(...readTable(values));
  const moves = readMoves(positionals[0]).slice(0, values.plies === undefined ? undefined : Number(values.plies));
  const game = table.game(moves);
  if (values.resign !== undefined) game.resignation = table.resignation(moves, values.resign);
  if (values.draw !== undefined) game.draw = table.draw(moves, BigInt(values.draw));
  process.stdout.write(`${JSON.stringify(table.input(game))}\n`);
} catch (error) {
  usageError(error, USAGE);
}
