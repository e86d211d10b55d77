// Writes contracts/snapshots/layout.json from the compiled contracts: where each deployed contract keeps its storage, and
// how many bytes of code it has. A change of either should be seen in review.
//
//   node tools/snapshot-layout.mjs [--check]
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const contracts = join(dirname(fileURLToPath(import.meta.url)), '..', 'contracts');
const snapshot = join(contracts, 'snapshots', 'layout.json');
/** EIP-170. */
const CODE_BYTES_MAX = 24_576;

const names = readdirSync(join(contracts, 'abi'))
  .map((file) => file.replace(/\.json$/, ''))
  .filter((name) => !/^I[A-Z]/.test(name))
  .concat('AllocationManagerView')
  .sort();

function artifact(name) {
  const path = join(contracts, 'out', `${name}.sol`, `${name}.json`);
  if (!existsSync(path)) throw new Error(`${name} is not compiled: run \`make contracts\``);
  return JSON.parse(readFileSync(path, 'utf8'));
}

function describe(name) {
  const { storageLayout, deployedBytecode } = artifact(name);
  const codeBytes = (deployedBytecode.object.length - 2) / 2;
  if (codeBytes > CODE_BYTES_MAX) throw new Error(`${name} has ${codeBytes} bytes of code, at most ${CODE_BYTES_MAX} can be deployed`);
  const types = storageLayout?.types ?? {};
  const storage = (storageLayout?.storage ?? []).map(
    ({ slot, offset, label, type }) => `${slot}+${offset} ${label}: ${types[type]?.label ?? type}`,
  );
  return [name, { codeBytes, storage }];
}

const content = JSON.stringify(Object.fromEntries(names.map(describe)), null, 2) + '\n';
if (process.argv.includes('--check')) {
  if (!existsSync(snapshot) || readFileSync(snapshot, 'utf8') !== content) {
    console.error('contracts/snapshots/layout.json is stale: run `make abi` and look at the difference');
    process.exit(1);
  }
} else {
  writeFileSync(snapshot, content);
}
