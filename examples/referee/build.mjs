// Builds the component: esbuild bundles the program into one module, componentize-js embeds it with its engine and
// snapshots the memory after the module has run, tables included. Nothing ambient is left in it: no clock, no randomness, no network.
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { componentize } from '@bytecodealliance/componentize-js';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

await mkdir(here('build'), { recursive: true });
await build({
  entryPoints: [here('src/component.js')],
  outfile: here('build/bundle.js'),
  bundle: true,
  format: 'esm',
  target: 'es2022',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  // The curve library asks for randomness once as it loads, and does without where there is none.
  define: { 'globalThis.crypto': 'undefined' },
  legalComments: 'none',
  minify: true,
});

const { component } = await componentize({
  sourcePath: here('build/bundle.js'),
  witPath: here('../../wit/program.wit'),
  worldName: 'command',
  disableFeatures: ['http', 'fetch-event', 'random', 'clocks', 'stdio'],
});
await writeFile(here('build/referee.wasm'), component);
const digest = createHash('sha256').update(component).digest('hex');
console.log(`build/referee.wasm: ${component.length} bytes, sha256 ${digest}`);
