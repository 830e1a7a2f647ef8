/** Plugins of esbuild, most of them for what a script pays when it starts. docs/decisions/start-up.md has the figures. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative, resolve, sep } from 'node:path'

import { transform } from 'esbuild'

import { ROOMS_OF_USERS } from './doors.mjs'

const DOC_COMMENT = /^[ \t]*\/\*\*[^]*?\*\/[ \t]*$/gm

/**
 * Node's own modules are got by `process.getBuiltinModule`. An import statement of one makes Node read its every property
 * when it is linked, and some of these load more of Node (`fs.promises`, `crypto.webcrypto`).
 */
export const builtinModules = {
  name: 'builtin-modules',
  setup({ onResolve, onLoad }) {
    // For each file that imports it a module of its own: one that two doors share would be a file more to load.
    onResolve({ filter: /^node:/ }, ({ path, importer }) => {
      return { path: `${path}#${relative(process.cwd(), importer)}`, namespace: 'builtin', sideEffects: false }
    })
    onLoad({ filter: /^node:/, namespace: 'builtin' }, async ({ path: named }) => {
      const [path] = named.split('#')
      const names = Object.keys(await import(path)).filter((name) => name !== 'default')
      // What nobody imports is dropped with its reading: a call that is pure and unused.
      const exported = names.map((name) => `export const ${name} = /* @__PURE__ */ (() => builtin.${name})()`)
      const builtin = `const builtin = /* @__PURE__ */ process.getBuiltinModule(${JSON.stringify(path)})`
      return { contents: [builtin, 'export { builtin as default }', ...exported].join('\n') }
    })
  },
}

/**
 * For users of doors: what they import from a door's source is loaded from the built door, however the path is written.
 * The one instance of the driver is that of the program. Nothing but doors can be imported from outside their own rooms.
 * @param doors the sources of all doors by the names of their files
 * @param users the sources that are built
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

/** Packages that are built into the adapter that uses them: they keep no state that the program would share. */
const INLINED = ['pg-pool', 'pg-connection-string']

/**
 * Builds small packages in, with their licences. pg-pool as a dependency would bring the package `pg` along, which it names as
 * its peer.
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
 * Leaves doc comments out, which the declarations have, and their lines where they were, so that source maps still fit. Of
 * their letters outside ASCII one is enough, and V8 keeps the whole file in two bytes a character; esbuild escapes those in strings.
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
 * The 261 classes of SQLSTATEs differ in their names only. Made by one function they are compiled once, not 261 times:
 * they were a fifth of what there is to compile. Comes before `withoutComments`.
 */
export const sqlstateClasses = {
  name: 'sqlstate-classes',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]errors[\\/]sqlstates\.ts$/ }, async ({ path }) => {
      const source = readFileSync(path, 'utf8').replace(DOC_COMMENT, '')
      const { code } = await transform(source, { loader: 'ts', target: 'esnext' })
      const made = code.replace(SQLSTATE_CLASS_SOURCE, 'const $1 = /* @__PURE__ */ sqlstateClass("$1", $3, $2);')
      if (/^(export )?class /m.test(made)) throw new Error(`${path}: a class is not as the others are`)
      return { contents: `${made}\n${SQLSTATE_CLASS}`, loader: 'js' }
    })
  },
}
