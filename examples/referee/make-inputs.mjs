#!/usr/bin/env node
// Writes build/inputs/NAME.json, the referee's input for every case of tools/cases.mjs, signed for one wager.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readTable, TABLE_OPTIONS, TABLE_USAGE, usageError } from './tools/arguments.mjs';
import { casesOf } from './tools/cases.mjs';
import { Table } from './tools/signing.mjs';

const USAGE = `usage: node make-inputs.mjs ${TABLE_USAGE} [--draw-expires-at UNIX_SECONDS] [--out FOLDER]`;
const NEVER = String((1n << 64n) - 1n);

try {
  const { values } = parseArgs({
    options: { ...TABLE_OPTIONS, 'draw-expires-at': { type: 'string', default: NEVER }, out: { type: 'string' } },
  });
  const table = new Table(...readTable(values));
  const folder = values.out ?? fileURLToPath(new URL('build/inputs', import.meta.url));
  mkdirSync(folder, { recursive: true });
  for (const [name, { input }] of Object.entries(casesOf(table, BigInt(values['draw-expires-at'])))) {
    writeFileSync(path.join(folder, `${name}.json`), JSON.stringify(input));
  }
} catch (error) {
  usageError(error, USAGE);
}
