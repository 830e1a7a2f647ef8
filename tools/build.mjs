// Builds the package: declarations by tsc (which is also the type check), JavaScript by esbuild, bundled into one file
// per door with what they share in chunks, because a script's start-up pays for every file. The code is CommonJS, one
// instance for `require` and `import` (docs/decisions/modules.md). A build that fails leaves the last one as it was.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

import { build } from 'esbuild'
import { buildDriver, buildProgram, buildUsers, optionsOfAll } from './bundles.mjs'
import { DOORS, DRIVER, USERS, USERS_OF_PEERS } from './doors.mjs'
import { sqlstateClasses, withoutComments } from './esbuild-plugins.mjs'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const fresh = `.dist-${process.pid}`
const stale = `.dist-${process.pid}-old`

try {
  writeDeclarations()
  await buildDriver(DRIVER, fresh)
  await build({
    ...optionsOfAll,
    outdir: fresh,
    format: 'cjs',
    entryPoints: { worker: 'worker/hosted/entry.ts' },
    outExtension: { '.js': '.cjs' },
    define: { 'import.meta.filename': '__filename' },
    plugins: [sqlstateClasses, withoutComments],
  })
  await buildUsers(USERS, fresh, DOORS)
  await buildUsers(USERS_OF_PEERS, fresh, DOORS, { inBothForms: true })
  await buildProgram({ cli: 'src-sync/repl/cli.ts' }, fresh, DOORS)
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
 * The declarations are of CommonJS, as the code is. For `import` each door has a file that hands them on, so a program that
 * does both has one class `Connection` for the compiler too.
 */
function writeDeclarations() {
  const tsc = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', '--outDir', `${fresh}/types`]
  execFileSync(process.execPath, tsc, { stdio: 'inherit' })
  writeFileSync(`${fresh}/types/package.json`, '{ "type": "commonjs" }\n')
  for (const [name, source] of Object.entries(DOORS)) {
    const types = Object.hasOwn(USERS_OF_PEERS, name) ? copyForImport(name, source) : `./types/${source}`
    const from = `from '${types.replace(/\.ts$/, '.js')}'\n`
    // The default of CommonJS is all of it for some resolvers: it goes by its other name.
    const [, main] = /^export \{ ?(?:.*, )?(\w+) as default\b/m.exec(readFileSync(source, 'utf8')) ?? []
    const named = main === undefined ? '' : `export { ${main} as default } ${from}`
    writeFileSync(`${fresh}/${name}.d.ts`, `export * ${from}${named}`)
  }
}

/**
 * A package with two builds has two trees of declarations, and a class of the one does not fit the other. So a user of such a
 * package has declarations for `import` of its own; those of the doors below stay one.
 * @returns the path of the door's declarations
 */
function copyForImport(name, source) {
  const room = dirname(source)
  const from = `${fresh}/types/${room}`
  const to = `${fresh}/peer-types/${name}`
  mkdirSync(to, { recursive: true })
  for (const file of readdirSync(from)) {
    const text = readFileSync(`${from}/${file}`, 'utf8')
    const moved = text.replace(/(from |import\()(['"])(\.\.\/[^'"]+)\2/g, (_all, word, quote, path) => {
      return `${word}${quote}${relative(to, join(from, path))}${quote}`
    })
    writeFileSync(`${to}/${file}`, moved)
  }
  return `./peer-types/${name}/${basename(source)}`
}
