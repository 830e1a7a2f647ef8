// Builds the package: declarations by tsc (which is also the type check), JavaScript by esbuild, bundled into one file
// per door with what they share in chunks, because a script's start-up pays for every file. The worker is one file in
// CommonJS, which a thread loads faster. A build that fails leaves the last one as it was.
import { execFileSync } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { build } from 'esbuild'
import { builtinModules, sqlstateClasses, withoutComments } from './esbuild-plugins.mjs'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const fresh = `.dist-${process.pid}`
const WORKER_URL = 'new URL("./worker.cjs"'
const stale = `.dist-${process.pid}-old`

try {
  const tsc = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', '--outDir', `${fresh}/types`]
  execFileSync(process.execPath, tsc, { stdio: 'inherit' })
  const common = {
    outdir: fresh,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'warning',
  }
  const modules = { ...common, format: 'esm', splitting: true }
  await build({
    ...modules,
    entryPoints: { index: 'src-sync/index.ts', async: 'src-async/index.ts' },
    chunkNames: 'shared-[hash]',
    plugins: [builtinModules, sqlstateClasses, withoutComments],
  })
  await build({
    ...common,
    format: 'cjs',
    entryPoints: { worker: 'worker/hosted/entry.ts' },
    outExtension: { '.js': '.cjs' },
    define: { 'import.meta.url': '__filename' },
    plugins: [sqlstateClasses, withoutComments],
  })
  nameWorkerForTracers(fresh)
  // The command line and the shape of SQLite are users of the door: they load the built one, which stays a file of its own.
  const door = {
    name: 'door',
    setup: ({ onResolve }) =>
      onResolve({ filter: /^\.\.\/index\.ts$/ }, () => ({ path: './index.js', external: true })),
  }
  for (const entryPoints of [{ cli: 'src-sync/repl/cli.ts' }, { 'sqlite-shape': 'src-sync/sqlite-shape/index.ts' }]) {
    await build({
      ...modules,
      entryPoints,
      chunkNames: 'user-[hash]',
      plugins: [door, builtinModules, withoutComments],
    })
  }
  chmodSync(`${fresh}/cli.js`, 0o755)
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

/**
 * Adds a function that imports the worker and that nobody calls. @vercel/nft (Next's standalone output, Nitro, Vercel) copies
 * the files that it finds in the code: by `new URL` it would copy the worker, but not the packages that the worker requires.
 * Bundlers obey the comments and leave the import alone.
 */
function nameWorkerForTracers(folder) {
  const names = readdirSync(folder).filter((name) => name.endsWith('.js'))
  const paths = names
    .map((name) => join(folder, name))
    .filter((path) => readFileSync(path, 'utf8').includes(WORKER_URL))
  if (paths.length !== 1) throw new Error(`${paths.length} files name the worker, expected one`)
  const code = readFileSync(paths[0], 'utf8')
  const at = code.lastIndexOf('//# sourceMappingURL=')
  const comments = '/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */'
  const traced = `const traced = () => import(${comments} "./worker.cjs");\n`
  writeFileSync(paths[0], code.slice(0, at) + traced + code.slice(at))
}
