/** DOOR of `syncpg/umzug`: umzug's storage in the database that is migrated, a lock, and migrations that are files of SQL. */
export { type LockOptions, type LockedUmzug, oneAtATime } from './lock.ts'
export { type MigrationConnection, SyncpgStorage, type SyncpgStorageOptions } from './storage.ts'
export { type SqlMigration, type SqlMigrationParameters, sqlMigration } from './sql-migration.ts'
