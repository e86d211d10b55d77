// Both referees on the same payloads: the same bytes, or an error from both. REFEREE_SEED and REFEREE_GAMES widen the run.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../../referee/src/referee.js';
import { casesOf } from '../../referee/tools/cases.mjs';
import { playerOf, Table } from '../../referee/tools/signing.mjs';
import { randomOf, records } from './records.mjs';

const FOLDER = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../target', import.meta.url));
const BINARY = path.join(FOLDER, 'x86_64-unknown-linux-gnu/release/referee-rust');
const SEED = Number(process.env.REFEREE_SEED ?? 1);
const GAMES = Number(process.env.REFEREE_GAMES ?? 204);
const WAGER = { chainId: 31337n, contract: new Uint8Array(20).fill(0x5f), number: 7n };
const table = new Table(WAGER, playerOf(new Uint8Array(32).fill(0x11)), playerOf(new Uint8Array(32).fill(0x22)));

/** The output in hexadecimal, or `error`. */
function javascript(payload) {
  try {
    return Buffer.from(run(payload)).toString('hex');
  } catch {
    return 'error';
  }
}

function rust(payload) {
  const { status, stdout, stderr, error } = spawnSync(BINARY, { input: payload, timeout: 20_000 });
  // A reader that stops at the bound closes the pipe while the rest is being written.
  if (error !== undefined && error.code !== 'EPIPE') throw error;
  if (status === 0) return stdout.toString('hex');
  assert.equal(status, 1, `ended with ${status}: ${stderr}`);
  assert.equal(stdout.length, 0, 'an error has no output');
  return 'error';
}

test('both referees agree on every case of the demo', () => {
  for (const [name, { input }] of Object.entries(casesOf(table, 1_800_000_000n))) {
    const payload = Buffer.from(JSON.stringify(input));
    assert.notEqual(javascript(payload), 'error', name);
    assert.equal(rust(payload), javascript(payload), name);
  }
});

test(`both referees agree on ${GAMES} random records`, () => {
  console.log(`REFEREE_SEED=${SEED} REFEREE_GAMES=${GAMES}`);
  const states = {};
  for (const { name, payload } of records(table, randomOf(SEED), GAMES)) {
    const expected = javascript(payload);
    assert.equal(rust(payload), expected, `${name}, seed ${SEED}`);
    const state = expected === 'error' ? expected : `state ${Number.parseInt(expected.slice(4 * 64, 5 * 64), 16)}`;
    states[state] = (states[state] ?? 0) + 1;
  }
  console.log(JSON.stringify(states));
  assert.ok(Object.keys(states).length >= 6, 'the records have become too much alike');
});
