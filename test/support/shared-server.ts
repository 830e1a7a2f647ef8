/**
 * The servers that test files share. One PostgreSQL with TLS is started before the first file (`global-setup.ts`),
 * and vitest's provide/inject passes its address to each test process. A test file must not stop it or change its
 * settings; such tests use `startServer`. A file that creates objects uses a database of its own.
 */
import { Client } from 'pg'
import { afterAll, beforeAll, beforeEach, inject, onTestFinished } from 'vitest'

import type { PostgresMajor } from './postgres-binaries.ts'
import { serverDsn, startServer } from './postgres-server.ts'
import type { DsnOptions, ServerCoordinates, TestServer } from './postgres-server.ts'
import './shared-server-context.ts'

/** A server that other test files use too. */
export interface SharedServer extends ServerCoordinates {
  dsn(options?: DsnOptions): string
}

/** The PostgreSQL with TLS that is up for the whole run: 18, unless SYNCPG_TEST_MAJOR asks for another. */
export function sharedServer(): SharedServer {
  const coordinates = inject('postgres')
  return { ...coordinates, dsn: (options) => serverDsn(coordinates, options) }
}

const lazyServers = new Map<PostgresMajor, Promise<TestServer>>()

/**
 * A server of a major version. The first call in a test process starts it, and it ends with that process, unless it is
 * the shared one. Ask `hasPostgres(major)` first: not every platform has every major.
 */
export function serverOfMajor(major: PostgresMajor): Promise<SharedServer> {
  if (major === sharedServer().major) return Promise.resolve(sharedServer())
  const known = lazyServers.get(major)
  if (known) return known
  const started = startServer({ major, tls: true })
  lazyServers.set(major, started)
  return started
}

/**
 * Creates an empty database on a server and drops it, sessions and all, when the running test has finished.
 * @returns its name, for `dsn({ database })`.
 */
export async function freshDatabase(server: ServerCoordinates = sharedServer()): Promise<string> {
  const name = `test_${process.pid}_${(freshDatabaseCount += 1)}`
  await createDatabase(server, name)
  onTestFinished(() => askServer(server, `drop database if exists ${name} with (force)`).then(() => {}))
  return name
}

let freshDatabaseCount = 0

/**
 * Creates an empty database. Copying its files takes a fifth of the time of the server's default, which writes each page
 * to the log too.
 */
export async function createDatabase(server: ServerCoordinates, name: string): Promise<void> {
  await askServer(server, `create database ${name}${server.major >= 15 ? ' strategy file_copy' : ''}`)
}

/** Ends a server process and waits until it is gone. `pg_terminate_backend` waits by itself from PostgreSQL 14 on. */
export async function endBackend(server: ServerCoordinates, pid: number): Promise<void> {
  await askServer(server, 'select pg_terminate_backend($1)', [pid])
  const isThere = 'select from pg_stat_activity where pid = $1'
  while ((await askServer(server, isThere, [pid])).length > 0) await new Promise((resolve) => setTimeout(resolve, 5))
}

// A failed test may have left connections open, which hold locks.
const EMPTY_DATABASE = `
  select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend';
  do $$ declare name text; begin
    for name in select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' loop
      execute format('drop schema %I cascade', name);
    end loop;
  end $$;
  create schema public;
  grant usage on schema public to public`

/**
 * A database for all tests of a file. It is emptied before each test, because making a new one takes longer than most
 * tests. Call this once, at the top of the file, before other hooks.
 * @returns its name, for `dsn({ database })`.
 */
export function databaseOfFile(): string {
  const { socketDirectory: host, port, user } = sharedServer()
  const name = `file_${process.pid}`
  const client = new Client({ host, port, user, database: name })
  beforeAll(async () => {
    await createDatabase(sharedServer(), name)
    await client.connect()
  })
  beforeEach(async () => {
    await client.query(EMPTY_DATABASE)
  })
  afterAll(async () => {
    await client.end()
    await askServer(sharedServer(), `drop database if exists ${name} with (force)`)
  })
  return name
}

/** Runs a query as superuser with the package `pg`, not with the driver under test. Rows have pg's values. */
export async function askServer<Row extends object = Record<string, unknown>>(
  server: ServerCoordinates,
  sql: string,
  parameters: readonly unknown[] = [],
  database: string = server.database,
): Promise<Row[]> {
  // Over the Unix socket, where no password has to be checked.
  const client = new Client({ host: server.socketDirectory, port: server.port, user: server.user, database })
  await client.connect()
  try {
    const { rows } = await client.query<Row>(sql, [...parameters])
    return rows
  } finally {
    await client.end()
  }
}
