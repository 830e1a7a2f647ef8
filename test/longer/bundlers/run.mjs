// `npm run test:bundlers [-- nft main.cjs …]`: the packed package with tools that copy or bundle a program. @vercel/nft
// (Next's standalone output, Nitro, Vercel) must find all files that are needed: the copy runs in an empty folder. A
// bundle of esbuild, webpack, Rollup or Vite without the package beside it must say what to do, and must hold one
// instance for `import` and `require`. Not part of `npm test`: it downloads the tools.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { startServer } from '../../support/postgres-server.mjs'

const words = process.argv.slice(2)
const root = fileURLToPath(new URL('../../..', import.meta.url))
const USE = "const con = db.connect(process.env.DSN)\nconsole.log('answer', con.fetchval('select %s::int', [42]))\n"
const ONE = "if (part.connect !== db.connect || part.DataError !== db.DataError) throw new Error('two instances')\n"
const PROGRAMS = {
  'main.mjs': `import * as db from 'syncpg'\nimport * as part from './part.cjs'\n${ONE}${USE}`,
  'main.cjs': `const db = require('syncpg')\nconst part = require('./part.cjs')\n${ONE}${USE}`,
}
const PART =
  "const { connect } = require('syncpg')\nconst { DataError } = require('syncpg/async')\nmodule.exports = { connect, DataError }\n"
const NEEDED = [
  'node_modules/syncpg/dist/worker.cjs',
  'node_modules/synckit/lib/index.cjs',
  'node_modules/synckit/register.cjs',
  'node_modules/synckit/shared.cjs',
  'node_modules/@pkgr/core/lib/index.cjs',
]

const EXTERNAL = ['kerberos', '@electric-sql/pglite', 'synckit']

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'syncpg-bundlers-')))
const project = join(folder, 'project')
let server = null
try {
  install()
  server = await startServer()
  for (const name of Object.keys(PROGRAMS)) {
    await attempt(`@vercel/nft, ${name}`, () => trace(name))
    await attempt(`esbuild, ${name}`, () => bundleByEsbuild(name))
    await attempt(`webpack, ${name}`, () => bundleByWebpack(name))
    await attempt(`Rollup, ${name}`, () => bundleByRollup(name))
    await attempt(`Vite, ${name}`, () => bundleByVite(name))
  }
} finally {
  await server?.dispose()
  rmSync(folder, { recursive: true, force: true })
}

function install() {
  mkdirSync(project)
  cpSync(fileURLToPath(new URL('package.json', import.meta.url)), join(project, 'package.json'))
  for (const [name, text] of Object.entries(PROGRAMS)) writeFileSync(join(project, name), text)
  writeFileSync(join(project, 'part.cjs'), PART)
  const npm = (args, cwd) => execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const listing = npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root)
  const [packed] = Object.values(JSON.parse(listing))
  npm(['install', '--no-audit', '--no-fund', '--prefer-offline', '--silent', join(folder, packed.filename)], project)
}

async function attempt(name, check) {
  if (words.length > 0 && !words.every((word) => name.includes(word))) return
  try {
    await check()
    console.log(`${name}: as claimed`)
  } catch (error) {
    process.exitCode = 1
    // If a bundle is one line, Node would print all of it.
    console.error(`${name}: FAIL: ${error.stack.slice(-3000)}`)
  }
}

function demand(isTrue, what) {
  if (!isTrue) throw new Error(what)
}

function run(cwd, name, more = {}) {
  const env = { PATH: process.env.PATH, HOME: folder, DSN: server.dsn(), ...more }
  const { stdout, stderr, status } = spawnSync(process.execPath, [name], {
    cwd,
    env,
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { stdout, status, all: `${stdout}${stderr}` }
}

function freshFolder() {
  return mkdtempSync(join(folder, 'run-'))
}

/** Copies the files that nft names into an empty folder, and runs the program there. */
async function trace(name) {
  const { nodeFileTrace } = createRequire(join(project, 'x.js'))('@vercel/nft')
  const { fileList } = await nodeFileTrace([join(project, name)], { base: project })
  const missing = NEEDED.filter((path) => !fileList.has(path))
  demand(missing.length === 0, `nft does not find ${missing.join(', ')}`)
  const place = freshFolder()
  for (const path of fileList) {
    mkdirSync(dirname(join(place, path)), { recursive: true })
    cpSync(join(project, path), join(place, path))
  }
  const { stdout, all } = run(place, name)
  demand(stdout === 'answer 42\n', all)
}

function bundleByEsbuild(name) {
  const { buildSync } = createRequire(join(project, 'x.js'))('esbuild')
  const format = name.endsWith('.cjs') ? 'cjs' : 'esm'
  const place = freshFolder()
  const outfile = join(place, name)
  const logLevel = 'silent'
  buildSync({ entryPoints: [join(project, name)], outfile, bundle: true, platform: 'node', format, logLevel })
  claimsOfABundle(place, name)
}

async function bundleByWebpack(name) {
  const webpack = createRequire(join(project, 'x.js'))('webpack')
  const place = freshFolder()
  // kerberos and PGlite are optional, but a bundler looks for every package whose name it finds.
  const externals = { kerberos: 'commonjs kerberos' }
  const output = { path: place, filename: 'main.cjs' }
  const options = {
    mode: 'production',
    target: 'node',
    entry: join(project, name),
    context: project,
    output,
    externals,
  }
  const stats = await new Promise((resolve, reject) => {
    webpack(options, (error, found) => (error === null ? resolve(found) : reject(error)))
  })
  demand(!stats.hasErrors(), stats.toString({ all: false, errors: true }))
  claimsOfABundle(place, 'main.cjs')
}

async function bundleByRollup(name) {
  const load = async (tool) => await import(createRequire(join(project, 'x.js')).resolve(tool))
  const [{ rollup }, { default: commonjs }, { default: resolve }] = [
    await load('rollup'),
    await load('@rollup/plugin-commonjs'),
    await load('@rollup/plugin-node-resolve'),
  ]
  const place = freshFolder()
  const plugins = [resolve({ preferBuiltins: true }), commonjs()]
  const bundle = await rollup({ input: join(project, name), external: EXTERNAL, plugins, onwarn: () => {} })
  await bundle.write({ file: join(place, 'main.mjs'), format: 'es', inlineDynamicImports: true })
  claimsOfABundle(place, 'main.mjs')
}

async function bundleByVite(name) {
  const { build } = await import(createRequire(join(project, 'x.js')).resolve('vite'))
  const place = freshFolder()
  await build({
    root: project,
    logLevel: 'silent',
    ssr: { noExternal: true, external: EXTERNAL },
    build: { ssr: name, outDir: place, target: 'node20', rollupOptions: { output: { entryFileNames: 'main.mjs' } } },
  })
  claimsOfABundle(place, 'main.mjs')
}

/** A bundle does not have the worker. Its error says what to do, and after that the bundle runs. */
function claimsOfABundle(place, name) {
  // webpack writes the path of the package into the bundle: elsewhere that path does not exist.
  const away = join(folder, 'away')
  const installed = join(project, 'node_modules')
  renameSync(installed, away)
  try {
    const { all, status } = run(place, name)
    demand(status === 1 && /OperationalError: the worker's file is .*\nHINT: .*SYNCPG_WORKER/.test(all), all)
  } finally {
    renameSync(away, installed)
  }
  const worker = { SYNCPG_WORKER: join(installed, 'syncpg', 'dist', 'worker.cjs') }
  const { stdout, all } = run(place, name, worker)
  demand(stdout === 'answer 42\n', all)
}
