#!/usr/bin/env node
// The verdicts of every case for one fixed wager, which the contract's tests decode: prints the JSON that is checked in as
// vectors/referee.json.
import { pathToFileURL } from 'node:url';
import { hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { run } from '../src/referee.js';
import { casesOf } from './cases.mjs';
import { hex, playerOf, Table } from './signing.mjs';

export const FIXTURE = new URL('../../../vectors/referee.json', import.meta.url);

/** The fixture's text. Signatures are deterministic, and so is everything made from them. */
export function verdictsJson() {
  const wager = { chainId: 31337n, contract: hexToBytes('00000000000000000000000000000000000a6e12'), number: 1n };
  const table = new Table(wager, playerOf(hexToBytes('11'.repeat(32))), playerOf(hexToBytes('22'.repeat(32))));
  const verdicts = {};
  for (const [name, { input, expected }] of Object.entries(casesOf(table, 1_800_000_100n))) {
    verdicts[name] = { state: expected, output: hex(run(utf8ToBytes(JSON.stringify(input)))) };
  }
  const { white, black } = table.players;
  const named = { contract: hex(wager.contract), white: hex(white.address), black: hex(black.address) };
  return `${JSON.stringify({ ...named, names: Object.keys(verdicts), verdicts }, null, 1)}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) process.stdout.write(verdictsJson());
