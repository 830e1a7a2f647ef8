/** Plugins for esbuild. Most of them make a script start faster; docs/decisions/start-up.md has the figures. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative, resolve, sep } from 'node:path'

import { transform } from 'esbuild'

import { ROOMS_OF_USERS } from './doors.mjs'

/** Modules of Node that take a millisecond or two to load, and that many programs never use. Only their functions are used. */
const LOADED_ON_USE = new Set(['node:crypto', 'node:dns/promises', 'node:fs/promises'])

const DOC_COMMENT = /^[ \t]*\/\*\*[^]*?\*\/[ \t]*$/gm

/**
 * Loads Node's own modules by `process.getBuiltinModule`. With an import statement, Node reads every property of the module
 * when it links it, and some of these properties load more of Node (`fs.promises`, `crypto.webcrypto`). A module in
 * `LOADED_ON_USE` is loaded by the first call of one of its functions.
 */
export const builtinModules = {
  name: 'builtin-modules',
  setup({ onResolve, onLoad }) {
    // Each importing file gets its own copy of this small module. A shared copy would become one more chunk file to load.
    onResolve({ filter: /^node:/ }, ({ path, importer }) => {
      return { path: `${path}#${relative(process.cwd(), importer)}`, namespace: 'builtin', sideEffects: false }
    })
    onLoad({ filter: /^node:/, namespace: 'builtin' }, async ({ path: named }) => {
      const [path] = named.split('#')
      const names = Object.keys(await import(path)).filter((name) => name !== 'default')
      if (LOADED_ON_USE.has(path)) {
        const load = `process.getBuiltinModule(${JSON.stringify(path)})`
        return {
          contents: names.map((name) => `export const ${name} = (...given) => ${load}.${name}(...given)`).join('\n'),
        }
      }
      // These calls are marked as pure, so esbuild drops the names that no file imports.
      const exported = names.map((name) => `export const ${name} = /* @__PURE__ */ (() => builtin.${name})()`)
      const builtin = `const builtin = /* @__PURE__ */ process.getBuiltinModule(${JSON.stringify(path)})`
      return { contents: [builtin, 'export { builtin as default }', ...exported].join('\n') }
    })
  },
}

/**
 * For users of doors: an import from a door's source becomes a load of the built door, however the path is written. So the
 * program has one instance of the driver. A user may import nothing but doors from outside its own rooms.
 * @param doors the source of each door, by the name of its file
 * @param users the sources that are being built
 */
export function builtDoors(doors, users) {
  const names = new Map(Object.entries(doors).map(([name, source]) => [resolve(source), name]))
  const folders = [...Object.values(users).map((source) => dirname(source)), ...ROOMS_OF_USERS]
  const rooms = folders.map((folder) => resolve(folder) + sep)
  return {
    name: 'built-doors',
    setup: ({ onResolve }) =>
      onResolve({ filter: /^\.\.?\// }, ({ path, kind, resolveDir }) => {
        if (kind === 'entry-point') return undefined
        const source = join(resolveDir, path)
        const name = names.get(source)
        if (name !== undefined) return { path: `./${name}.js`, external: true }
        if (rooms.some((room) => source.startsWith(room))) return undefined
        return { errors: [{ text: `${path} is no door: a second copy of the driver would be built` }] }
      }),
  }
}

/** Packages that are built into the adapter that uses them. They keep no state that the program would share. */
const INLINED = ['pg-pool', 'pg-connection-string']

/**
 * Builds small packages in, with their licences. As a dependency, pg-pool would also install the package `pg`, which it names
 * as its peer.
 */
export const inlinedPackages = {
  name: 'inlined-packages',
  setup({ onResolve, onLoad }) {
    const require = createRequire(import.meta.url)
    onResolve({ filter: /^[a-z]/ }, ({ path }) => {
      return INLINED.includes(path) ? { path: require.resolve(path), namespace: 'inlined' } : undefined
    })
    onLoad({ filter: /.*/, namespace: 'inlined' }, ({ path }) => {
      const folder = dirname(path)
      const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      const text = readFileSync(join(folder, 'LICENSE'), 'utf8').trim()
      return {
        contents: `/*! ${name} ${version}, ${license}\n${text} */\n${readFileSync(path, 'utf8')}`,
        loader: 'js',
        resolveDir: folder,
      }
    })
  },
}

/**
 * Removes doc comments, because the declarations have them, but keeps their lines, so that source maps still fit. One letter
 * outside ASCII would make V8 keep the whole file in two bytes a character. esbuild escapes such letters in strings.
 */
export const withoutComments = {
  name: 'without-comments',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8')
      return { contents: source.replace(DOC_COMMENT, (comment) => comment.replace(/.+/g, '')), loader: 'ts' }
    })
  },
}

const SQLSTATE_CLASS_SOURCE = /class (\w+) extends (\w+) \{\n  static name = "\1";\n  static sqlstate = ("\w+");\n\}/g
const SQLSTATE_CLASS = `function sqlstateClass(name, sqlstate, parent) {
  return class extends parent { static name = name; static sqlstate = sqlstate }
}`

/**
 * The 261 classes of SQLSTATEs differ only in their names. One function makes them all, so V8 compiles it once instead of 261
 * classes, which were a fifth of the code to compile. This plugin must come before `withoutComments`.
 */
export const sqlstateClasses = {
  name: 'sqlstate-classes',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]errors[\\/]sqlstates\.ts$/ }, async ({ path }) => {
      const source = readFileSync(path, 'utf8').replace(DOC_COMMENT, '')
      const { code } = await transform(source, { loader: 'ts', target: 'esnext' })
      const made = code.replace(SQLSTATE_CLASS_SOURCE, 'const $1 = /* @__PURE__ */ sqlstateClass("$1", $3, $2);')
      if (/^(export )?class /m.test(made)) throw new Error(`${path}: a class has another form than the others`)
      return { contents: `${made}\n${SQLSTATE_CLASS}`, loader: 'js' }
    })
  },
}
