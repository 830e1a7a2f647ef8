/** The door (entry point) of `syncpg/drizzle`: Drizzle ORM over syncpg, awaited and synchronous. */
export {
  type DrizzleQuery,
  SyncpgDatabase,
  type SyncpgSyncDatabase,
  drizzle,
  drizzleSync,
  executeSync,
  migrate,
  migrateSync,
} from './databases.ts'
export type { DrizzleClient, SyncpgQueryResultHKT } from './session.ts'
