/**
 * The doors (entry points) in the reference, and which page describes which declaration. A class that users call
 * often has its own page; small declarations share a page. A declaration that two doors export is described once.
 */

/**
 * The doors in the order of the index. `source` is the door's file. `page` has the declarations that no other page
 * has.
 */
export const DOORS = [
  {
    name: 'syncpg',
    source: 'src-sync/index.ts',
    page: 'syncpg',
    use: "import * as db from 'syncpg'",
    what: 'the blocking door: PEP 249 (DB-API 2.0)',
  },
  {
    name: 'syncpg/async',
    source: 'src-async/index.ts',
    page: 'async',
    use: "import { connect, createPool } from 'syncpg/async'",
    what: 'the driver with promises, in the shape of asyncpg',
  },
  {
    name: 'syncpg/sqlite-shape',
    source: 'src-sync/sqlite-shape/index.ts',
    page: 'sqlite-shape',
    use: "import { DatabaseSync } from 'syncpg/sqlite-shape'",
    what: "node:sqlite's calls over PostgreSQL",
  },
  {
    name: 'syncpg/kysely',
    source: 'src-async/adapters/kysely/index.ts',
    page: 'kysely',
    use: "import { SyncpgDialect } from 'syncpg/kysely'",
    what: "Kysely's dialect, and its queries on a blocking connection",
  },
  {
    name: 'syncpg/drizzle',
    source: 'src-async/adapters/drizzle/index.ts',
    page: 'drizzle',
    use: "import { drizzle } from 'syncpg/drizzle'",
    what: 'Drizzle ORM, awaited and blocking',
  },
  {
    name: 'syncpg/pg',
    source: 'src-async/adapters/pg/index.ts',
    page: 'pg',
    use: "import pg from 'syncpg/pg'",
    what: 'what the package `pg` offers',
  },
  {
    name: 'syncpg/pg/cursor',
    source: 'src-async/adapters/pg-cursor/index.ts',
    page: 'pg-cursor',
    use: "import Cursor from 'syncpg/pg/cursor'",
    what: 'what the package `pg-cursor` offers',
  },
  {
    name: 'syncpg/pg/query-stream',
    source: 'src-async/adapters/pg-query-stream/index.ts',
    page: 'pg-query-stream',
    use: "import QueryStream from 'syncpg/pg/query-stream'",
    what: 'what the package `pg-query-stream` offers',
  },
  {
    name: 'syncpg/umzug',
    source: 'src-async/adapters/umzug/index.ts',
    page: 'umzug',
    use: "import { SyncpgStorage } from 'syncpg/umzug'",
    what: 'storage, a lock and SQL files for migrations with umzug',
  },
]

/** Further pages. A declaration belongs to one by the file that declares it, or by file and name. */
export const PAGES = [
  {
    page: 'syncpg-connection',
    title: 'Connection (blocking)',
    of: 'syncpg',
    has: [['src-sync/connection.ts', 'Connection']],
  },
  { page: 'syncpg-cursor', title: 'Cursor (blocking)', of: 'syncpg', has: [['src-sync/cursor.ts', 'Cursor']] },
  {
    page: 'syncpg-objects',
    title: 'Prepared statements, streams, COPY, columns (blocking)',
    of: 'syncpg',
    has: [
      ['src-sync/prepared-statement.ts'],
      ['src-sync/stream.ts', 'RowStream'],
      ['src-sync/copy-stream.ts'],
      ['src-sync/column.ts'],
      ['src-sync/type-objects.ts', 'TypeObject'],
      ['src-sync/xid.ts', 'Xid'],
    ],
  },
  {
    page: 'async-connection',
    title: 'Connection (async)',
    of: 'syncpg/async',
    has: [['src-async/connection.ts', 'Connection']],
  },
  { page: 'async-pool', title: 'Pool', of: 'syncpg/async', has: [['src-async/pool/']] },
  {
    page: 'async-objects',
    title: 'Prepared statements, cursors, pipelines, transactions, notifications (async)',
    of: 'syncpg/async',
    has: [
      ['src-async/prepared-statement.ts'],
      ['src-async/cursor.ts'],
      ['src-async/pipeline.ts'],
      ['src-async/transaction.ts', 'Transaction'],
      ['src-async/notification-stream.ts', 'NotificationStream'],
    ],
  },
  {
    page: 'sql',
    title: 'Composed SQL, quoting, splitting',
    of: null,
    has: [
      ['src-async/values/sql'],
      ['src-async/values/split-statements.ts'],
      ['src-sync/paramstyle/'],
      ['src-async/values/compiled-statement.ts'],
    ],
  },
  { page: 'errors', title: 'Errors', of: null, has: [['src-async/errors/']] },
  {
    page: 'values',
    title: 'Values, rows and types',
    of: null,
    has: [['src-async/values/'], ['src-async/wire/row-sink.ts']],
  },
  {
    page: 'shared',
    title: 'Options and results of both APIs',
    of: null,
    has: [['src-async/flows/'], ['src-async/options/'], ['src-async/wire/']],
  },
]
