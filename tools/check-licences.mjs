// Every dependency's licence must fit MIT OR Apache-2.0. Reads `cargo metadata` and the Node.js lock files, and holds
// them against the list in deny.toml.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const denyToml = readFileSync(new URL('../deny.toml', import.meta.url), 'utf8');
const allowed = new Set([...denyToml.match(/allow = \[([^\]]*)\]/s)[1].matchAll(/"([^"]+)"/g)].map((match) => match[1]));

// An SPDX expression holds if one alternative of each OR holds; parentheses nest.
export function fits(expression) {
  const tokens = expression.replace(/\//g, ' OR ').match(/\(|\)|[^\s()]+/g) ?? [];
  let at = 0;
  const term = () => {
    if (tokens[at] === '(') {
      at++;
      const inner = either();
      at++;
      return inner;
    }
    let name = tokens[at++];
    if (tokens[at] === 'WITH') {
      name = `${name} WITH ${tokens[at + 1]}`;
      at += 2;
    }
    return allowed.has(name);
  };
  const both = () => {
    let holds = term();
    while (tokens[at] === 'AND') {
      at++;
      holds = term() && holds;
    }
    return holds;
  };
  const either = () => {
    let holds = both();
    while (tokens[at] === 'OR') {
      at++;
      holds = both() || holds;
    }
    return holds;
  };
  return tokens.length > 0 && either();
}

// Licences that the metadata does not carry, read from the package itself.
const known = {
  'rust-criu': 'MIT',
  memorystream: 'MIT',
  '@bytecodealliance/componentize-js': 'Apache-2.0 WITH LLVM-exception',
  '@bytecodealliance/componentize-js-0-19-3': 'Apache-2.0 WITH LLVM-exception',
};

const refused = [];
const metadata = JSON.parse(
  execFileSync('cargo', ['metadata', '--format-version=1', '--locked'], { maxBuffer: 1 << 28 }).toString(),
);
for (const crate of metadata.packages) {
  if (crate.source && !fits(crate.license ?? known[crate.name] ?? '')) {
    refused.push(`${crate.name} ${crate.version}: ${crate.license ?? 'none'}`);
  }
}
const locks = ['package-lock.json', 'examples/referee/package-lock.json'].filter((file) => existsSync(file));
let packages = 0;
for (const file of locks) {
  for (const [name, entry] of Object.entries(JSON.parse(readFileSync(file, 'utf8')).packages)) {
    if (name === '' || entry.link) continue;
    packages++;
    const license = entry.license ?? known[name.split('node_modules/').at(-1)] ?? '';
    if (!fits(license)) refused.push(`${name} (${file}): ${license || 'none'}`);
  }
}
if (refused.length > 0) {
  console.error(`licences that do not fit MIT OR Apache-2.0:\n  ${refused.join('\n  ')}`);
  process.exit(1);
}
console.log(`licences: ${metadata.packages.length} crates and ${packages} packages fit`);
