// Each program imports this file. It exports the driver of this run, which the environment variable VIA names: `pg` or
// `syncpg`.
const isOurs = process.env.VIA === 'syncpg'

/** The module `pg`, or `syncpg/pg`. */
export const { default: pg } = await import(isOurs ? 'syncpg/pg' : 'pg')
export const connectionString = process.env.DATABASE_URL

/** Kysely's dialect over `pg`, or `SyncpgDialect` with pg's forms of values. */
export async function kyselyDialect(types = {}) {
  if (!isOurs) {
    const { PostgresDialect } = await import('kysely')
    return new PostgresDialect({ pool: new pg.Pool({ connectionString }) })
  }
  const { SyncpgDialect } = await import('syncpg/kysely')
  const { createPool } = await import('syncpg/async')
  return new SyncpgDialect({ pool: () => createPool(connectionString, { minSize: 0, types }) })
}

export { isOurs }
