/**
 * Turns the ES modules that esbuild writes into CommonJS, and writes the files for `import` beside them. esbuild itself cannot
 * split CommonJS into chunks, and it reads each imported name through a getter; here it becomes a constant, as fast as within
 * one file. Lines stay where they are, so the source maps still fit. Understands only what esbuild prints; anything else is
 * an error.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'

const IMPORT = /^import (?:([\w$]+)(?:, )?)?(?:\* as ([\w$]+)|\{([^}]*)\})?(?: from )?"([^"]+)";$/gm
const EXPORT = /^export \{([^}]*)\};$/gm
const DYNAMIC_IMPORT = /\bimport\("(\.[^"]+)\.js"\)/g
const RENAMED = /([\w$]+) as ([\w$]+)/g
const LEFT_OVER = /^(?:import|export) .*|\bimport\.meta\b.*/m
// A bundler may have put this code into an ES module, where these variables do not exist.
const FOLDER = '(typeof __dirname === "undefined" ? void 0 : __dirname)'
const FILE = '(typeof __filename === "undefined" ? void 0 : __filename)'
const DEFAULT_OF = 'const defaultOf = (loaded) => loaded.__esModule ? loaded.default : loaded; '

/**
 * Writes CommonJS, and the files for `import` for doors.
 * @param files esbuild's output: ES modules and their source maps
 * @param doors an object whose keys are the names of the doors among them
 */
export function writeCommonJs(files, doors) {
  for (const { path, text } of files) {
    mkdirSync(dirname(path), { recursive: true })
    if (path.endsWith('.map')) {
      writeFileSync(path.replace(/\.js\.map$/, '.cjs.map'), text)
      continue
    }
    const name = basename(path, '.js')
    const { code, names, defaultName } = toCommonJs(text, name)
    writeFileSync(path.replace(/\.js$/, '.cjs'), code)
    if (Object.hasOwn(doors, name)) writeNames(path, name, names, defaultName)
  }
}

/**
 * Node finds the names of a CommonJS module by scanning its source, which takes 50 ms for a door. So the file for `import`
 * loads a short file that lists the names in a statement that never runs.
 */
function writeNames(path, name, names, defaultName) {
  // Node takes the whole CommonJS module as its default, so the default export is re-exported by its other name.
  const listed = names.filter((each) => each !== 'default')
  const list = listed.map((each) => `  ${each}`).join(',\n')
  const renamed = defaultName === null ? '' : `,\n  ${defaultName} as default`
  const listing = `const door = require("./${name}.cjs");\nmodule.exports = door;\n0 && (module.exports = {\n${list}\n});\n`
  writeFileSync(path.replace(/\.js$/, '-names.cjs'), `"use strict";\n${listing}`)
  writeFileSync(path, `export {\n${list}${renamed}\n} from "./${name}-names.cjs";\n`)
}

/**
 * @returns the module in CommonJS, the names of its exports, and the other name of its default export; null when it has no
 *   default
 */
export function toCommonJs(source, name) {
  const names = []
  const locals = []
  const code = source
    .replace(IMPORT, (_all, main, whole, list, from) => importInCommonJs({ main, whole, list, from }))
    .replace(EXPORT, (_all, list) => {
      for (const each of list.split(',')) {
        const words = each.trim().split(' as ')
        locals.push(words[0])
        names.push(words.at(-1))
      }
      const exported = `module.exports = {${list.replace(RENAMED, '$2: $1')}}`
      return `${exported}; Object.defineProperty(module.exports, "__esModule", { value: true });`
    })
    .replace(DYNAMIC_IMPORT, 'Promise.resolve().then(() => require("$1.cjs"))')
    .replace(/\bimport\.meta\.dirname\b/g, FOLDER)
    .replace(/\bimport\.meta\.filename\b/g, FILE)
    .replace(/^(\/\/# sourceMappingURL=.*)\.js\.map$/m, '$1.cjs.map')
  const [left] = LEFT_OVER.exec(code) ?? []
  if (left !== undefined) throw new Error(`${name}: not known in CommonJS: ${left.slice(0, 80)}`)
  const defaultName = otherName(names, locals, name)
  return { code: `"use strict"; ${code.includes('defaultOf(require(') ? DEFAULT_OF : ''}${code}`, names, defaultName }
}

function otherName(names, locals, door) {
  const at = names.indexOf('default')
  if (at < 0) return null
  const other = names.find((each, index) => index !== at && locals[index] === locals[at])
  if (other === undefined) throw new Error(`${door}: the default export has to be exported by a name too`)
  return other
}

function importInCommonJs({ main, whole, list, from }) {
  const loaded = `require(${JSON.stringify(from.replace(/^(\.\/.*)\.js$/, '$1.cjs'))})`
  const parts = []
  if (main !== undefined) parts.push(`const ${main} = defaultOf(${loaded});`)
  if (whole !== undefined) parts.push(`const ${whole} = ${loaded};`)
  if (list !== undefined) parts.push(`const {${list.replace(RENAMED, '$1: $2')}} = ${loaded};`)
  return parts.length === 0 ? `${loaded};` : parts.join(' ')
}

/**
 * Adds a function that imports the worker and is never called. @vercel/nft (Next's standalone output, Nitro, Vercel) copies
 * the files that the code refers to. From the worker's path alone it would copy the worker, but not the packages that the
 * worker requires. The comments tell bundlers to leave the import alone.
 */
export function nameWorkerForTracers(files) {
  const naming = files.filter(({ path, text }) => path.endsWith('.js') && text.includes('"worker.cjs"'))
  if (naming.length !== 1) throw new Error(`${naming.length} files name the worker, expected one`)
  const [file] = naming
  const { text } = file
  const at = text.lastIndexOf('//# sourceMappingURL=')
  const comments = '/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */'
  const traced = `const traced = () => import(${comments} "./worker.cjs");\n`
  Object.defineProperty(file, 'text', { value: text.slice(0, at) + traced + text.slice(at) })
}
