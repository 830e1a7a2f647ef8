// Builds the package: declarations by tsc (which is also the type check), JavaScript by esbuild, bundled into one file
// per door and one for the worker with what they share in chunks, because a script's start-up pays for every file.
// A build that fails leaves the last one as it was.
import { execFileSync } from 'node:child_process'
import { renameSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { build } from 'esbuild'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const fresh = `.dist-${process.pid}`
const stale = `.dist-${process.pid}-old`

try {
  const tsc = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', '--outDir', `${fresh}/types`]
  execFileSync(process.execPath, tsc, { stdio: 'inherit' })
  await build({
    entryPoints: { index: 'src-sync/index.ts', async: 'src-async/index.ts', worker: 'worker/entry.ts' },
    outdir: fresh,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    sourcemap: true,
    sourcesContent: false,
    chunkNames: 'shared-[hash]',
    logLevel: 'warning',
  })
  try {
    renameSync('dist', stale)
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
  renameSync(fresh, 'dist')
} catch (error) {
  // The compiler and the bundler have said what is wrong.
  process.exitCode = 1
  if (error.status === undefined && error.errors === undefined) throw error
} finally {
  rmSync(fresh, { recursive: true, force: true })
  rmSync(stale, { recursive: true, force: true })
}
