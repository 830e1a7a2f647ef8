/**
 * Builds what the playground of the site loads: the sources of the async API for browsers, and PGlite's files beside it, so
 * that the site needs nothing from elsewhere. docs/decisions/site.md says what takes Node's place.
 */
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'

import { build } from 'esbuild'

const SOURCES = 'docs/.vitepress/playground'
/** Of PGlite's files those that a database in memory needs. */
const PGLITE_FILES = /^(?:index|chunk-\w+|initdb)\.js$|^(?:pglite|initdb)\.(?:wasm|data|js)$/

/** @param folder where the site's public files are */
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

/** What of Node's modules is used on the way to `pglite:` without a directory. */
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

/** Node's modules, for browsers: what is used of them does something, the rest throws when it is called. */
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
