// Runs PostgreSQL's own regression scripts through psql and through the command line, each on a server of its own,
// and lists every difference in the output with its reason: `npm run test:regress [-- FOLDER] [-- TEST …]`. FOLDER is
// src/test/regress in the sources of PostgreSQL 15; psql has to be of version 15 too. Without FOLDER, Debian's source
// package is downloaded. Not part of `npm test`: it takes about ten minutes.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { psqlProgram } from '../bench/support/psql-program.mjs'
import { startServer } from '../support/postgres-server.mjs'

const MAJOR = 15
/** If a script takes longer, something hangs. */
const MOST_MS = 300_000
const root = fileURLToPath(new URL('../..', import.meta.url))
const cli = join(root, 'dist/cli.js')
const cache = join(root, 'node_modules/.cache/syncpg')

/**
 * The differences that stay, and their reasons: lines of a script, on either side. The guide "The command line" has
 * them in a table.
 */
const REASONS = [
  ['copydml', /^(?:\d+|NOTICE: .*)$/, 'notices while COPY … TO STDOUT sends data may come before the data'],
  [
    'psql',
    /ambiguous abbreviation|^error: \\pset: allowed formats|^error: invalid command \\lo$|^warning: \\dA: extra argument/,
    'words for what is not understood',
  ],
  ['psql', /^(?: ?\?column\? |-+|\s+0)$/, 'FETCH_COUNT fetches nothing in pieces, so an error leaves no rows'],
  [
    'psql',
    /^(?: +List of collations| Schema \| Name \| (?:Collate|Provider).*|-+(?:\+-+)+)$/,
    '\\dO has other columns',
  ],
  ['psql', /^(?:row_limit|unicode_\w+_linestyle) /, '\\pset lists row_limit, and no styles of Unicode lines'],
]
/**
 * Scripts with commands that syncpg refuses by name are left out, because all output after such a command would differ.
 */
const EDITS = [
  [
    /^\\pset format (?:latex|latex-longtable|troff-ms)$/gm,
    '\\pset format html',
    'the formats for typesetters are not there',
  ],
  [/^\\pset numericlocale true$/gm, '', 'numericlocale is not there'],
  [/^\\pset linestyle old-ascii$/gm, '\\pset linestyle ascii', 'the line style old-ascii is not there'],
]

const given = process.argv.slice(2)
const sources =
  given[0] !== undefined && existsSync(join(given[0], 'parallel_schedule')) ? given.shift() : fetchSources()

/** The folder src/test/regress of Debian's package, fetched once. */
function fetchSources() {
  const kept = join(cache, `postgresql-${MAJOR}-regress`)
  if (existsSync(join(kept, 'parallel_schedule'))) return kept
  const work = mkdtempSync(join(tmpdir(), 'syncpg-sources-'))
  try {
    // Debian's source packages are on the same server as its packages, even if this machine is not set up to fetch
    // them.
    const format = 'deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)'
    const targets = execFileSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
      encoding: 'utf8',
    })
    const lines = [...new Set(targets.split('\n'))].filter((line) => line.endsWith(' main'))
    mkdirSync(join(work, 'lists/partial'), { recursive: true })
    writeFileSync(join(work, 'sources.list'), `${lines.join('\n')}\n`)
    const options = [
      ['Dir::Etc::sourcelist', join(work, 'sources.list')],
      ['Dir::Etc::sourceparts', '-'],
      ['Dir::State::lists', join(work, 'lists')],
      ['Dir::Cache', work],
    ].flatMap(([name, value]) => ['-o', `${name}=${value}`])
    const apt = (...words) => execFileSync('apt-get', [...options, ...words], { cwd: work, stdio: 'pipe' })
    apt('update')
    const versions = execFileSync('apt-cache', [...options, 'showsrc', `postgresql-${MAJOR}`], { encoding: 'utf8' })
    // The list may name a newer version before it can be downloaded.
    const wanted = [...versions.matchAll(/^Version: (.*)$/gm)].map(([, version]) => version)
    if (!wanted.some((version) => canFetch(apt, version)))
      throw new Error(`none of ${wanted.join(', ')} can be fetched`)
    const archive = readdirSync(work).find((name) => name.includes('.orig.tar'))
    execFileSync('tar', ['-xf', archive, '--wildcards', '*/src/test/regress/*'], { cwd: work })
    const unpacked = readdirSync(work).find((name) => existsSync(join(work, name, 'src/test/regress')))
    mkdirSync(cache, { recursive: true })
    cpSync(join(work, unpacked, 'src/test/regress'), kept, { recursive: true })
    return kept
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function canFetch(apt, version) {
  try {
    apt('source', '--download-only', `postgresql-${MAJOR}=${version}`)
    return true
  } catch {
    return false
  }
}

const bin = `/usr/lib/postgresql/${MAJOR}/bin`
const system = {
  major: MAJOR,
  version: `system-${MAJOR}`,
  initdb: join(bin, 'initdb'),
  postgres: join(bin, 'postgres'),
}
const binaries = existsSync(system.postgres) ? { binaries: system } : { major: MAJOR }
const folder = mkdtempSync(join(tmpdir(), 'syncpg-regress-'))
execFileSync('chmod', ['755', folder])
cpSync(sources, join(folder, 'regress'), { recursive: true })
const edited = new Map()
for (const name of readdirSync(join(folder, 'regress/sql'))) {
  const path = join(folder, 'regress/sql', name)
  const text = readFileSync(path, 'latin1')
  const changed = EDITS.reduce((kept, [pattern, words, reason]) => {
    const next = kept.replace(pattern, words)
    if (next !== kept) edited.set(`${name}: ${reason}`, true)
    return next
  }, text)
  if (changed !== text) writeFileSync(path, changed, 'latin1')
}
const results = join(folder, 'differences')
mkdirSync(results)

const programs = [
  { name: 'psql', command: [psqlProgram(), '-X'] },
  { name: 'syncpg', command: [process.execPath, cli, '-X'] },
]
for (const program of programs) {
  program.server = await startServer(binaries)
  program.build = join(folder, program.name)
  // The server writes there too.
  mkdirSync(join(program.build, 'results'), { recursive: true })
  execFileSync('chmod', ['-R', '777', program.build])
  const { host, port, user, password } = program.server
  program.env = {
    ...process.env,
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGPASSWORD: password,
    PGTZ: 'PST8PDT',
    PGDATESTYLE: 'Postgres, MDY',
    PGOPTIONS: '-c intervalstyle=postgres_verbose',
    PG_ABS_SRCDIR: join(folder, 'regress'),
    PG_ABS_BUILDDIR: program.build,
    PG_LIBDIR: join(folder, 'no-library'),
    PG_DLSUFFIX: '.so',
  }
  const setUp = `create database regression template template0;
alter database regression set lc_messages to 'C'; alter database regression set lc_monetary to 'C';
alter database regression set lc_numeric to 'C'; alter database regression set lc_time to 'C';
alter database regression set bytea_output to 'hex'; alter database regression set timezone_abbreviations to 'Default';`
  execFileSync(psqlProgram(), ['-X', '-q', '-d', 'postgres'], {
    input: setUp,
    env: program.env,
    stdio: ['pipe', 'ignore', 'inherit'],
  })
}

function run({ command, env, build }, test) {
  const [file, ...words] = command
  const options = ['-a', '-q', '-d', 'regression', '-v', 'HIDE_TABLEAM=on', '-v', 'HIDE_TOAST_COMPRESSION=on']
  const script = join(folder, 'regress/sql', `${test}.sql`)
  return new Promise((resolve) => {
    const child = spawn('/bin/sh', ['-c', 'exec "$@" 2>&1', 'sh', file, ...words, ...options, '-f', script], {
      env,
      cwd: build,
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: MOST_MS,
    })
    const chunks = []
    child.stdout.on('data', (chunk) => chunks.push(chunk))
    child.on('close', (status) => resolve(`${Buffer.concat(chunks).toString('latin1')}[status ${status}]\n`))
  })
}

/** The output without the program's name, the place, and the numbers of objects and processes. */
function plain(text, { build }) {
  return text
    .replace(/^(?:psql|syncpg):\S*?\.sql:\d+: /gm, '')
    .replaceAll(build, 'BUILD')
    .replace(/\b\d{5,}\b/g, (digits) => (/^[1-9]\d{4,6}$/.test(digits) ? 'NUMBER' : digits))
    .replace(/^Time: .*$/gm, 'Time')
}

const schedule = readFileSync(join(sources, 'parallel_schedule'), 'utf8')
const all = [...schedule.matchAll(/^test: (.*)$/gm)].flatMap(([, names]) => names.trim().split(/\s+/))
const tests = given.length > 0 ? ['test_setup', 'create_index', ...given] : all
const totals = { same: 0, explained: 0, unexplained: 0 }
const reasons = new Map()
for (const test of new Set(tests)) {
  const outputs = await Promise.all(programs.map(async (program) => plain(await run(program, test), program)))
  const names = programs.map(({ name }) => join(results, `${test}.${name}`))
  outputs.forEach((text, index) => writeFileSync(names[index], text, 'latin1'))
  const { stdout } = spawnSync('diff', ['-a', '-U0', ...names], { encoding: 'latin1', maxBuffer: 2 ** 28 })
  const lines = stdout
    .split('\n')
    .slice(2)
    .filter((line) => /^[-+]/.test(line))
  const open = lines.filter((line) => !explain(test, line.slice(1)))
  if (lines.length === 0) totals.same += 1
  else if (open.length === 0) totals.explained += 1
  else totals.unexplained += 1
  if (lines.length > 0) process.stdout.write(`${test}: ${lines.length} lines differ, ${open.length} without a reason\n`)
  for (const line of open.slice(0, 8)) process.stdout.write(`    ${line}\n`)
}

function explain(test, line) {
  const reason = REASONS.find(([name, pattern]) => name === test && pattern.test(line))?.[2]
  if (reason === undefined) return false
  reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  return true
}

for (const { server } of programs) await server.stop()
process.stdout.write(
  `\n${totals.same} scripts are the same, ${totals.explained} differ for a reason, ${totals.unexplained} without one\n`,
)
for (const [reason, count] of reasons) process.stdout.write(`  ${count} lines: ${reason}\n`)
for (const edit of edited.keys()) process.stdout.write(`  changed before it ran: ${edit}\n`)
process.stdout.write(`What was printed is in ${results}\n`)
process.exitCode = totals.unexplained > 0 ? 1 : 0
