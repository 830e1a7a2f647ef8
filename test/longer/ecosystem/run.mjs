// Runs the test suites of other projects with the packed package in the place of their driver:
//
//   npm run test:ecosystem -- tools pg=/path/of/node-postgres kysely=/path/of/kysely [--majors=18,15] [--only=part of a file's name]
//
// Each argument names a suite of `suites/` and the folder of a checkout, which is copied and not changed; `tools` needs none. Prints a table and each
// failure. Starts PostgreSQL 18, or the majors that are named, unless SYNCPG_ECOSYSTEM_DSN names a server by a URL with a user and
// a password. Not part of `npm test`: it downloads what the suites need.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const words = process.argv.slice(2)
const only = words.find((word) => word.startsWith('--only='))?.slice('--only='.length) ?? ''
const asked = words.filter((word) => !word.startsWith('--')).map((word) => word.split('='))
const known = readdirSync(new URL('suites', import.meta.url)).map((name) => name.replace(/\.mjs$/, ''))
const suites = new Map()
for (const [name, checkout] of asked) {
  const suite = known.includes(name) ? await import(new URL(`suites/${name}.mjs`, import.meta.url).href) : null
  if (suite !== null && (checkout !== undefined || suite.needsCheckout === false)) suites.set(name, suite)
}
if (asked.length === 0 || suites.size < asked.length) {
  console.error(`usage: npm run test:ecosystem -- suite=folder …; suites: ${known.join(', ')}`)
  process.exit(2)
}

const majors = (words.find((word) => word.startsWith('--majors=')) ?? '--majors=18')
  .slice('--majors='.length)
  .split(',')
const workshop = mkdtempSync(join(tmpdir(), 'syncpg-ecosystem-'))
try {
  const tarball = pack()
  const rows = []
  for (const major of majors) rows.push(...(await runOn(major, tarball)))
  print(rows)
} finally {
  if (process.env.SYNCPG_ECOSYSTEM_KEEP === undefined) rmSync(workshop, { recursive: true, force: true })
  else console.log(workshop)
}

async function runOn(major, tarball) {
  const { dsn, stop } = await server(major)
  try {
    const rows = []
    for (const [name, checkout] of asked) {
      const folder = join(workshop, `${name}-${major}`)
      const found = await suites.get(name).run({
        checkout,
        folder,
        dsn,
        only,
        tarball,
        install: (into, packages) => install(into, [tarball, ...packages]),
      })
      rows.push(
        ...found.map((row) => (majors.length > 1 ? { ...row, suite: `${row.suite}, PostgreSQL ${major}` } : row)),
      )
    }
    return rows
  } finally {
    await stop()
  }
}

async function server(major) {
  if (process.env.SYNCPG_ECOSYSTEM_DSN) return { dsn: process.env.SYNCPG_ECOSYSTEM_DSN, stop: async () => {} }
  // `npm test` has the oldest and the newest major.
  if (major !== '13' && major !== '18') {
    const flags = ['install', '--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts']
    execFileSync('npm', flags, { cwd: join(root, 'test/longer/majors'), stdio: ['ignore', 'ignore', 'inherit'] })
  }
  const { startServer, serverDsn } = await import('../../support/postgres-server.mjs')
  const started = await startServer({ major: Number(major), tls: true })
  return { dsn: serverDsn(started), stop: () => started.stop() }
}

function pack() {
  const options = ['--json', '--ignore-scripts', '--pack-destination', workshop]
  const listing = execFileSync('npm', ['pack', ...options], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [packed] = Object.values(JSON.parse(listing))
  return join(workshop, packed.filename)
}

/** Installs the package and others into a folder, as their users do. */
function install(folder, packages) {
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const flags = ['--no-audit', '--no-fund', '--prefer-offline', '--silent', '--legacy-peer-deps']
  execFileSync('npm', ['install', ...flags, ...packages], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
}

/** @param rows one for each suite: `{ suite, total, passed, failures: [{ name, output }] }` */
function print(rows) {
  for (const { suite, failures } of rows) {
    for (const { name, output } of failures) console.log(`\n--- ${suite}: ${name}\n${output}`)
  }
  console.log('\n| suite | tests | passed | failed |\n| --- | --- | --- | --- |')
  for (const { suite, total, passed, failures } of rows) {
    console.log(`| ${suite} | ${total} | ${passed} | ${failures.map(({ name }) => name).join('; ')} |`)
  }
}
