// `npm run test:runtimes [-- 20 22 … jest bundle …]`: the packed package, installed into an empty folder, in all ways
// to run programs: module systems, TypeScript, bundles, Workers, test runners, each on every version of Node. Prints a
// table. Not part of `npm test`: it downloads the versions of Node and what the programs are run with.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { startServer } from '../../support/postgres-server.mjs'
import { installNode } from '../install-node.mjs'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const words = process.argv.slice(2)
const named = words.filter((word) => /^\d+$/.test(word))
const majors = named.length > 0 ? named : ['20', '22', '24', '26']
const parts = words.filter((word) => !named.includes(word))
const bin = (name) => `node_modules/${name}`
const jestRequire = (file) => [bin('jest/bin/jest.js'), '--testRegex', file, '--colors=false']
const jest = (file) => ['--experimental-vm-modules', ...jestRequire(file)]
const WORKER = 'node_modules/syncpg/dist/worker.cjs'

/**
 * How each program is run, and the text that its output must have. `from` is the first version of Node that can run it.
 * A `bundle` is made first.
 */
const WAYS = [
  { name: 'ES module', args: ['module.mjs'] },
  { name: 'CommonJS require', args: ['require.cjs'] },
  { name: 'syncpg/async', args: ['async.mjs'] },
  { name: 'pglite:', args: ['embedded.mjs'] },
  { name: 'inside a Worker', args: ['worker.mjs'] },
  { name: 'node script.ts', args: ['script.ts'], from: 22 },
  { name: 'tsx script.ts', args: [bin('tsx/dist/cli.mjs'), 'script.ts'] },
  // The claims are an ES module, and tsx cannot require one on Node 20.
  { name: 'tsx script.cts', args: [bin('tsx/dist/cli.mjs'), 'script.cts'], from: 22 },
  { name: 'node --import tsx', args: ['--import', 'tsx', 'script.ts'] },
  { name: 'bundle, ESM, package external', bundle: 'esm', external: ['syncpg'] },
  { name: 'bundle, CommonJS, package external', bundle: 'cjs', external: ['syncpg'] },
  { name: 'bundle, ESM, SYNCPG_WORKER', bundle: 'esm', worker: WORKER },
  { name: 'bundle, CommonJS, SYNCPG_WORKER', bundle: 'cjs', worker: WORKER },
  { name: 'node:test', args: ['--test', 'node-test.mjs'], expected: /pass 1\n/ },
  { name: 'jest 30, .mjs', args: jest('module\\.jest\\.mjs$'), expected: /2 passed, 2 total/ },
  // jest in its default configuration: only CommonJS.
  { name: 'jest 30, require', args: jestRequire('commonjs\\.jest\\.cjs$'), expected: /4 passed, 4 total/ },
  { name: 'jest 30, await import', args: jest('require\\.jest\\.cjs$'), expected: /1 passed, 1 total/ },
  { name: 'vitest 4', args: [bin('vitest/vitest.mjs'), 'run'], expected: /2 passed/ },
]

const folder = mkdtempSync(join(tmpdir(), 'syncpg-runtimes-'))
let server = null
try {
  install()
  server = await startServer()
  const nodes = majors.map((major) => ({ major: Number(major), ...installNode(major) }))
  const ways = WAYS.filter(({ name }) => parts.length === 0 || parts.some((part) => name.includes(part)))
  const lines = ways.map((way) => ({ name: way.name, cells: nodes.map((node) => tryOut(way, node)) }))
  printTable(nodes, lines)
  // A version that cannot be installed counts as a failure, because nothing was tested with it.
  if (lines.some(({ cells }) => cells.some((cell) => cell === 'FAIL' || cell === 'none'))) process.exitCode = 1
} finally {
  await server?.dispose()
  rmSync(folder, { recursive: true, force: true })
}

function install() {
  cpSync(fileURLToPath(new URL('programs', import.meta.url)), folder, { recursive: true })
  cpSync(fileURLToPath(new URL('package.json', import.meta.url)), join(folder, 'package.json'))
  const npm = (args, cwd) => execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const listing = npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root)
  const [packed] = Object.values(JSON.parse(listing))
  npm(['install', '--no-audit', '--no-fund', '--prefer-offline', '--silent', join(folder, packed.filename)], folder)
}

/** @returns seconds taken, `FAIL` (what was printed is on standard error), `-` where Node cannot, `none` without Node. */
function tryOut(way, node) {
  if (node.path === undefined) return 'none'
  if (way.from > node.major) return '-'
  const args = way.bundle === undefined ? way.args : [bundle(way)]
  const env = { PATH: process.env.PATH, HOME: folder, DSN: server.dsn() }
  if (way.worker !== undefined) env.SYNCPG_WORKER = way.worker
  const startedMs = performance.now()
  const run = spawnSync(node.path, args, {
    cwd: folder,
    env,
    encoding: 'utf8',
    timeout: 180_000,
    killSignal: 'SIGKILL',
  })
  const output = run.stdout + run.stderr
  if (run.status === 0 && (way.expected ?? /^all claims hold$/m).test(output)) {
    return `${((performance.now() - startedMs) / 1000).toFixed(1)} s`
  }
  console.error(`${way.name} on Node ${node.version}: ${run.error?.message ?? `status ${run.status}`}\n${output}`)
  return 'FAIL'
}

/** Bundles module.mjs with esbuild and only the options that the guide names. */
function bundle({ bundle: format, external = [] }) {
  const outfile = `bundle.${format === 'cjs' ? 'cjs' : 'mjs'}`
  const args = ['module.mjs', '--bundle', '--platform=node', `--format=${format}`, `--outfile=${outfile}`]
  for (const name of external) args.push(`--external:${name}`)
  const { bin: path } = JSON.parse(readFileSync(join(folder, bin('esbuild/package.json')), 'utf8'))
  execFileSync(join(folder, bin('esbuild'), path.esbuild), [...args, '--log-level=error'], { cwd: folder })
  return outfile
}

function printTable(nodes, lines) {
  const row = (name, cells) =>
    console.log(`| ${name.padEnd(36)} | ${cells.map((cell) => cell.padEnd(8)).join(' | ')} |`)
  row(
    '',
    nodes.map((node) => node.version ?? `v${node.major}`),
  )
  row(
    '---',
    nodes.map(() => '---'),
  )
  for (const { name, cells } of lines) row(name, cells)
}
