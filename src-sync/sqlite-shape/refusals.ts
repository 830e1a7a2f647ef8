/** Errors for features of SQLite that PostgreSQL does not have; each hint says what to do instead. */
import { NotSupportedError } from '../index.ts'

const INSTEAD = {
  function: 'create it in the database: CREATE FUNCTION … LANGUAGE sql or plpgsql; JavaScript cannot run in the server',
  aggregate: 'create it in the database: CREATE AGGREGATE, or use one of the many it has',
  table: 'a table-valued function is CREATE FUNCTION … RETURNS TABLE (…)',
  loadExtension: 'extensions are created by SQL: CREATE EXTENSION name',
  enableLoadExtension: 'the privileges of the user decide whether CREATE EXTENSION is allowed',
  backup: 'run pg_dump for a copy of one database, pg_basebackup for the server’s',
  serialize: 'run pg_dump; with pglite: the database is a folder that can be copied',
  deserialize: 'run pg_restore or psql with what pg_dump has written',
  createSession: 'changes are recorded by logical replication: CREATE PUBLICATION',
  applyChangeset: 'changes are applied by logical replication: CREATE SUBSCRIPTION',
  createTagStore: 'the connection keeps statements prepared: call prepare() where they are used',
  setAuthorizer: 'GRANT and row security decide what a user may do',
  enableDefensive: 'leave it out: a database cannot be corrupted by SQL',
  unsafeMode: 'leave it out: there is no such mode',
  stat: 'EXPLAIN ANALYZE shows what a statement does, pg_stat_statements what all have done',
  resetStats: 'call pg_stat_statements_reset()',
  limits: 'the limits of a server are its settings: statement_timeout, work_mem, temp_file_limit …',
  location: 'there is no file; db.connection.info has the host, the port and the database',
} as const

const PRAGMAS: Readonly<Record<string, string>> = {
  foreign_keys: 'leave it out: foreign keys are always enforced',
  defer_foreign_keys: 'declare the constraint DEFERRABLE, and SET CONSTRAINTS ALL DEFERRED',
  journal_mode: 'leave it out: PostgreSQL always has a write-ahead log',
  synchronous: 'leave it out, or SET synchronous_commit',
  busy_timeout: 'use the option timeout of DatabaseSync, or SET lock_timeout',
  cache_size: 'leave it out: memory is a setting of the server (shared_buffers)',
  temp_store: 'leave it out: memory is a setting of the server (temp_buffers)',
  mmap_size: 'leave it out: memory is a setting of the server',
  user_version: 'keep the version of the schema in a table of one row',
  application_id: 'keep it in a table of one row, or COMMENT ON DATABASE',
  table_info: 'select column_name, data_type, is_nullable from information_schema.columns where table_name = …',
  table_list: 'select table_schema, table_name from information_schema.tables',
  index_list: 'select indexname, indexdef from pg_indexes where tablename = …',
  foreign_key_list: "select conname, pg_get_constraintdef(oid) from pg_constraint where contype = 'f'",
  integrity_check: 'the extension amcheck looks for damage',
  optimize: 'leave it out: autovacuum does it, or ANALYZE',
  wal_checkpoint: 'leave it out, or CHECKPOINT',
  encoding: 'SHOW server_encoding',
  database_list: 'select datname from pg_database',
}

/** Members that belong to other classes than the database, or that are properties. */
const ELSEWHERE: readonly string[] = ['stat', 'resetStats', 'limits']

/** The methods of the database that throw such an error. */
export const REFUSED_NAMES = Object.keys(INSTEAD).filter((name) => !ELSEWHERE.includes(name)) as readonly RefusedName[]

export type RefusedName = keyof typeof INSTEAD

/** The error for a member of SQLite that has no counterpart in PostgreSQL. */
export function refusal(name: RefusedName): NotSupportedError {
  return new NotSupportedError(`${name}() exists in SQLite only`, { hint: INSTEAD[name] })
}

/** The error for a PRAGMA, with advice for the common ones. */
export function pragmaRefusal(text: unknown): NotSupportedError {
  const name = /^\s*(?:pragma\s+)?(?:\w+\.)?(\w+)/i.exec(String(text))?.[1]?.toLowerCase() ?? ''
  const hint = Object.hasOwn(PRAGMAS, name)
    ? PRAGMAS[name]!
    : 'in PostgreSQL settings are changed by SET and read by SHOW'
  return new NotSupportedError(`PRAGMA ${name.slice(0, 40)} exists in SQLite only`, { hint })
}
