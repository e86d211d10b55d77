#!/usr/bin/env node
// Writes src/keccak-f.js: the permutation Keccak-f[1600] (FIPS 202, section 3) with its lanes in local variables and its
// steps unrolled. The component's engine interprets: loops over typed arrays, as in a library, take eight times as long.
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const FILE = new URL('../src/keccak-f.js', import.meta.url);

/** The rotation of each lane (x, y), and where pi puts it: from section 3.2.2's walk. */
function rotations() {
  const rotation = new Array(25).fill(0);
  let [x, y] = [1, 0];
  for (let t = 0; t < 24; t++) {
    rotation[x + 5 * y] = (((t + 1) * (t + 2)) / 2) % 64;
    [x, y] = [y, (2 * x + 3 * y) % 5];
  }
  return rotation;
}

/** The round constants, by the shift register of section 3.2.5. */
function roundConstants() {
  let register = 1;
  const bit = () => {
    const out = register & 1;
    register <<= 1;
    if (register & 0x100) register ^= 0x171;
    return out;
  };
  return Array.from({ length: 24 }, () => {
    let constant = 0n;
    for (let j = 0; j <= 6; j++) if (bit()) constant |= 1n << BigInt(2 ** j - 1);
    return constant;
  });
}

/** `[low, high]` of the lane in variables `${name}l` and `${name}h`, rotated left. */
function rotated(name, by) {
  const [low, high] = by < 32 ? [`${name}l`, `${name}h`] : [`${name}h`, `${name}l`];
  const bits = by % 32;
  if (bits === 0) return [low, high];
  return [`(${low} << ${bits}) | (${high} >>> ${32 - bits})`, `(${high} << ${bits}) | (${low} >>> ${32 - bits})`];
}

const lanes = [...Array(25).keys()];
const fives = [0, 1, 2, 3, 4];

function theta() {
  const columns = fives.flatMap((x) =>
    ['l', 'h'].map((half) => `c${x}${half} = ${fives.map((y) => `a${x + 5 * y}${half}`).join(' ^ ')};`),
  );
  const mixed = fives.flatMap((x) => {
    const [low, high] = rotated(`c${(x + 1) % 5}`, 1);
    const left = `c${(x + 4) % 5}`;
    const apply = fives.map((y) => `a${x + 5 * y}l ^= l; a${x + 5 * y}h ^= h;`).join(' ');
    return [`l = ${left}l ^ (${low});`, `h = ${left}h ^ (${high});`, apply];
  });
  return [...columns, ...mixed];
}

function rhoAndPi() {
  const rotation = rotations();
  return lanes.map((i) => {
    const [x, y] = [i % 5, Math.floor(i / 5)];
    const to = y + 5 * ((2 * x + 3 * y) % 5);
    const [low, high] = rotated(`a${i}`, rotation[i]);
    return `b${to}l = ${low}; b${to}h = ${high};`;
  });
}

function chi() {
  return lanes.map((i) => {
    const row = i - (i % 5);
    const [next, after] = [row + ((i + 1) % 5), row + ((i + 2) % 5)];
    return ['l', 'h'].map((half) => `a${i}${half} = b${i}${half} ^ (~b${next}${half} & b${after}${half});`).join(' ');
  });
}

export function source() {
  const halves = (constants, shift) => constants.map((c) => Number(BigInt.asIntN(32, c >> shift))).join(', ');
  const declare = (name, count) => [...Array(count).keys()].map((i) => `${name}${i}l, ${name}${i}h`).join(', ');
  const indent = (lines, by) => lines.map((line) => `${' '.repeat(by)}${line}`).join('\n');
  const constants = roundConstants();
  return `// Written by tools/make-keccak.mjs: do not edit.
const LOW = [${halves(constants, 0n)}];
const HIGH = [${halves(constants, 32n)}];

/** Permutes \`state\`, 25 lanes as pairs of 32-bit words, the low one first. */
export function keccakF(state) {
${indent(lanes.map((i) => `let a${i}l = state[${2 * i}], a${i}h = state[${2 * i + 1}];`), 2)}
  let ${declare('b', 25)};
  let ${declare('c', 5)}, l, h;
  for (let round = 0; round < 24; round++) {
${indent([...theta(), ...rhoAndPi(), ...chi()], 4)}
    a0l ^= LOW[round]; a0h ^= HIGH[round];
  }
${indent(lanes.map((i) => `state[${2 * i}] = a${i}l; state[${2 * i + 1}] = a${i}h;`), 2)}
}
`;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) writeFileSync(FILE, source());
