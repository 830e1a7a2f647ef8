/**
 * The door (entry point) of `syncpg/umzug`: umzug's storage in the migrated database, a lock, and migrations that are
 * files of SQL.
 */
export { type LockOptions, type LockedUmzug, oneAtATime } from './lock.ts'
export { type MigrationConnection, SyncpgStorage, type SyncpgStorageOptions } from './storage.ts'
export { type SqlMigration, type SqlMigrationParameters, sqlMigration } from './sql-migration.ts'
