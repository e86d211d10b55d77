// Bundles src/program.js and embeds it with its engine in a WebAssembly component: build/program.wasm. Clock,
// randomness and network are left out, so that an answer depends on the payload alone.
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { componentize } from '@bytecodealliance/componentize-js';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

await mkdir(here('build'), { recursive: true });
await build({
  entryPoints: [here('src/program.js')],
  outfile: here('build/bundle.js'),
  bundle: true,
  format: 'esm',
  target: 'es2022',
  platform: 'neutral',
  mainFields: ['module', 'main'],
});
const { component } = await componentize({
  sourcePath: here('build/bundle.js'),
  witPath: here('wit/program.wit'),
  worldName: 'command',
  disableFeatures: ['http', 'fetch-event', 'random', 'clocks', 'stdio'],
});
await writeFile(here('build/program.wasm'), component);
console.log(`build/program.wasm: ${component.length} bytes`);
