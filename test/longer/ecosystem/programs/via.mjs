// What each program imports: the driver that this run is about, by the environment variable VIA, `pg` or `syncpg`.
const isOurs = process.env.VIA === 'syncpg'

/** The module `pg`, or ours in its shape. */
export const { default: pg } = await import(isOurs ? 'syncpg/pg' : 'pg')
export const connectionString = process.env.DATABASE_URL

/** Kysely's dialect: over `pg`, or ours with the forms of values that `pg` gives. */
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
