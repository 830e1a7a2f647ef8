/**
 * The door (entry point) of `syncpg/kysely`: Kysely's dialect over syncpg, and Kysely's queries on a blocking
 * connection.
 */
export { SyncpgDialect, type SyncpgDialectConfig, type SyncpgDialectHooks } from './dialect.ts'
export {
  type SyncQuery,
  type SyncQueryOptions,
  type SyncStreamOptions,
  executeSync,
  executeTakeFirstOrThrowSync,
  executeTakeFirstSync,
  streamSync,
} from './execute-sync.ts'
