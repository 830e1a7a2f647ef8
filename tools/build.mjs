// Builds the package: tsc checks the types and writes the declarations, esbuild bundles the JavaScript. Each door becomes one
// file, with shared code in chunks, because every file costs time at start-up. The code is CommonJS, so `require` and
// `import` get one instance (docs/decisions/modules.md). When the build fails, the previous result stays in place.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

import { build } from 'esbuild'
import { buildDriver, buildProgram, buildUsers, optionsOfAll } from './bundles.mjs'
import { DOORS, DRIVER, USERS, USERS_OF_PEERS } from './doors.mjs'
import { builtinModules, sqlstateClasses, withoutComments } from './esbuild-plugins.mjs'

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
    plugins: [builtinModules, sqlstateClasses, withoutComments],
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
  // The compiler and the bundler have already printed their errors.
  process.exitCode = 1
  if (error.status === undefined && error.errors === undefined) throw error
} finally {
  rmSync(fresh, { recursive: true, force: true })
  rmSync(stale, { recursive: true, force: true })
}

/**
 * Writes the declarations as CommonJS, like the code. Each door also has a small file for `import` that re-exports them, so
 * that a program which uses both has only one class `Connection` for the compiler.
 */
function writeDeclarations() {
  const tsc = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', '--outDir', `${fresh}/types`]
  execFileSync(process.execPath, tsc, { stdio: 'inherit' })
  writeFileSync(`${fresh}/types/package.json`, '{ "type": "commonjs" }\n')
  for (const [name, source] of Object.entries(DOORS)) {
    const types = Object.hasOwn(USERS_OF_PEERS, name) ? copyForImport(name, source) : `./types/${source}`
    const from = `from '${types.replace(/\.ts$/, '.js')}'\n`
    // Some resolvers take the whole CommonJS module as its default, so the default is re-exported by its other name.
    const [, main] = /^export \{ ?(?:.*, )?(\w+) as default\b/m.exec(readFileSync(source, 'utf8')) ?? []
    const named = main === undefined ? '' : `export { ${main} as default } ${from}`
    writeFileSync(`${fresh}/${name}.d.ts`, `export * ${from}${named}`)
  }
}

/**
 * Copies a door's declarations for `import`. Needed for a door that uses a package with two builds: that package has two
 * trees of declarations, and a class from one does not fit the other. The declarations of the driver itself are not copied.
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
