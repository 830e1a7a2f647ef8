// Builds the package: declarations by tsc (which is also the type check), JavaScript by esbuild, bundled into one file
// per door and one for the worker with what they share in chunks, because a script's start-up pays for every file.
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)
rmSync('dist', { recursive: true, force: true })
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], { stdio: 'inherit' })
await build({
  entryPoints: { index: 'src-sync/index.ts', async: 'src-async/index.ts', worker: 'worker/entry.ts' },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  sourcemap: true,
  sourcesContent: false,
  // Users read class names in errors and in printed rows.
  keepNames: true,
  chunkNames: 'shared-[hash]',
  logLevel: 'warning',
})
