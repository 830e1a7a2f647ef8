/**
 * Runs a script through psql and through the command line, each in a database and a folder of its own, and returns what
 * each printed, how it ended, which files it made and what is in its database afterwards.
 */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, onTestFinished } from 'vitest'

import { type CliRun, psqlVersion, runCli, runPsql } from './run-cli.ts'
import { askServer, createDatabase, sharedServer } from './shared-server.ts'

/** Whether psql is installed in the version whose output is compared. Later versions print other titles and columns. */
export const isPsqlComparable = psqlVersion !== null && psqlVersion[0] === 15 && psqlVersion[1] >= 20

export interface Comparison {
  /** Arguments for both programs before the script. The script is `-f script.sql`, unless `input` is given. */
  readonly options?: readonly string[]
  /** The files in the folder, by name. */
  readonly files?: Readonly<Record<string, string>>
  /** The files in the home directory, by name. The folder is the home directory then. */
  readonly home?: Readonly<Record<string, string>>
  /** The standard input. With it no script is named. */
  readonly input?: string
  /** Runs the programs one after another, for scripts that make an object of which a server can have only one. */
  readonly oneByOne?: boolean
}

export interface Ended extends CliRun {
  readonly files: Readonly<Record<string, string>>
  readonly tables: Readonly<Record<string, string>>
}

const EMPTY = 'drop schema public cascade; create schema public; grant usage, create on schema public to public'
const COUNTS = `select relname, (xpath('/row/c/text()',
    query_to_xml(format('select count(*) as c from %I', relname), false, true, '')))[1]::text as count
  from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1`

/** Two databases for a file of tests, called once at its top. @returns a function that runs a script in both. */
export function comparedDatabases(): (
  script: string,
  comparison?: Comparison,
) => Promise<{ ours: Ended; theirs: Ended }> {
  const databases = { ours: `compared_ours_${process.pid}`, theirs: `compared_psql_${process.pid}` }
  const server = sharedServer()
  beforeAll(async () => {
    if (!isPsqlComparable) return
    for (const name of Object.values(databases)) await createDatabase(server, name)
  })
  afterAll(async () => {
    for (const name of Object.values(databases)) await askServer(server, `drop database if exists ${name} with (force)`)
  })
  return async (script, comparison = {}) => {
    const ours = run(runCli, databases.ours, script, comparison)
    if (comparison.oneByOne === true) await ours
    const theirs = run(runPsql, databases.theirs, script, comparison)
    const [first, second] = await Promise.all([ours, theirs])
    return { ours: first, theirs: second }
  }
}

async function run(program: typeof runCli, database: string, script: string, comparison: Comparison): Promise<Ended> {
  const { options = [], files = {}, home, input } = comparison
  const server = sharedServer()
  await askServer(server, EMPTY, [], database)
  const root = mkdtempSync(join(tmpdir(), 'syncpg-compared-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  const folder = join(root, 'folder')
  mkdirSync(folder)
  for (const [name, text] of Object.entries({ ...files, ...home, 'script.sql': script }))
    writeFileSync(join(folder, name), text)
  const words = input === undefined ? [...options, '-f', 'script.sql'] : options
  const { status, stdout, stderr } = await program(words, {
    server,
    database,
    cwd: folder,
    ...(home === undefined ? {} : { env: { HOME: folder } }),
    ...(input === undefined ? {} : { input }),
  })
  const counts = await askServer<{ relname: string; count: string }>(server, COUNTS, [], database)
  return {
    status,
    // The databases have different names.
    stdout: stdout.replaceAll(database, 'DATABASE'),
    stderr: stderr.replaceAll(database, 'DATABASE'),
    files: Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')])),
    tables: Object.fromEntries(counts.map(({ relname, count }) => [relname, count])),
  }
}
