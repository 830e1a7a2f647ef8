/**
 * Builds the files that the playground of the site loads: the async API for browsers, and PGlite's files. So the site
 * loads nothing from other servers. docs/decisions/site.md says what replaces Node's modules.
 */
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'

import { build } from 'esbuild'

const SOURCES = 'docs/.vitepress/playground'
/** The files of PGlite that a database in memory needs. */
const PGLITE_FILES = /^(?:index|chunk-\w+|initdb)\.js$|^(?:pglite|initdb)\.(?:wasm|data|js)$/

/** @param folder the folder of the site's public files */
export async function buildPlayground(folder) {
  const outdir = join(folder, 'playground')
  rmSync(outdir, { recursive: true, force: true })
  mkdirSync(join(outdir, 'pglite'), { recursive: true })
  const pglite = dirname(createRequire(import.meta.url).resolve('@electric-sql/pglite'))
  for (const file of readdirSync(pglite).filter((name) => PGLITE_FILES.test(name))) {
    cpSync(join(pglite, file), join(outdir, 'pglite', file))
  }
  await build({
    entryPoints: { worker: `${SOURCES}/worker.mjs` },
    outdir,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    keepNames: true,
    logLevel: 'warning',
    inject: [`${SOURCES}/globals.mjs`],
    plugins: [startInBrowser, nodeForBrowsers],
  })
}

const startInBrowser = {
  name: 'start-in-browser',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/start\.ts$/ }, ({ importer }) => {
      return importer.endsWith(join('wire', 'embedded', 'transport.ts'))
        ? { path: resolve(SOURCES, 'start-pglite.mjs') }
        : undefined
    })
  },
}

/** Replacements for the parts of Node's modules that `connect('pglite:')` uses. */
const STAND_INS = {
  'node:path': `
    export const isAbsolute = (path) => path.startsWith('/')
    export const join = (...parts) => parts.join('/')
    export const resolve = (...parts) => parts.join('/')
    export const dirname = (path) => path.slice(0, path.lastIndexOf('/'))
    export const delimiter = ':'`,
  'node:os': `
    export const homedir = () => '/'
    export const userInfo = () => ({ username: 'postgres' })
    export const hostname = () => 'browser'`,
  'node:process': 'export const env = {}',
  'node:timers/promises':
    'export const setTimeout = (ms, value) => new Promise((done) => globalThis.setTimeout(done, ms, value))',
  'node:diagnostics_channel': `
    export const tracingChannel = () => ({ hasSubscribers: false, start: {}, end: {}, asyncStart: {}, asyncEnd: {}, error: {} })`,
}

/** Replaces Node's modules in the browser. The functions in `STAND_INS` work; all others throw when they are called. */
const nodeForBrowsers = {
  name: 'node-for-browsers',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'node', sideEffects: false }))
    onLoad({ filter: /.*/, namespace: 'node' }, async ({ path }) => {
      if (STAND_INS[path] !== undefined) return { contents: STAND_INS[path] }
      const names = Object.keys(await import(path)).filter((name) => name !== 'default')
      const missing = `const missing = (name) => class { constructor() { throw new Error(\`\${name} of ${path} is not in a browser\`) } }`
      return {
        contents: [
          missing,
          ...names.map((name) => `export const ${name} = /* @__PURE__ */ missing('${name}')`),
          'export default {}',
        ].join('\n'),
      }
    })
  },
}
