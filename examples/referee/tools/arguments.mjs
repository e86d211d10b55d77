// The arguments that name a wager and its two players' keys.
import { hexToBytes } from '@noble/hashes/utils.js';
import { readPlayer } from './signing.mjs';

const REQUIRED = ['chain-id', 'contract', 'number', 'white-key', 'black-key'];

export const TABLE_OPTIONS = Object.fromEntries(REQUIRED.map((name) => [name, { type: 'string' }]));
export const TABLE_USAGE = '--chain-id N --contract 0xADDRESS --number N --white-key FILE --black-key FILE';

/** The arguments of `Table`. */
export function readTable(values) {
  for (const name of REQUIRED) if (values[name] === undefined) throw new Error(`--${name} is missing`);
  if (!/^0x[0-9a-fA-F]{40}$/.test(values.contract)) throw new Error('--contract is not an address');
  const wager = {
    chainId: BigInt(values['chain-id']),
    contract: hexToBytes(values.contract.slice(2)),
    number: BigInt(values.number),
  };
  return [wager, readPlayer(values['white-key']), readPlayer(values['black-key'])];
}

export function usageError(error, usage) {
  process.stderr.write(`error: ${error.message}\n${usage}\n`);
  process.exit(2);
}
