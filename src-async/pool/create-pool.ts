/** Opens a pool: checks the options, then opens the first connections. */
import type { Connection, ConnectionClass } from '../connection.ts'
import { Pool } from './pool.ts'
import { type PoolOptions, readConnectArguments, readPoolOptions } from './pool-options.ts'

/**
 * Opens a pool of connections.
 * @param dsn the connection string, which `connect` takes too
 * @param options of the pool and of each connection
 * @returns the pool, with `minSize` connections open
 * @throws ProgrammingError for options that are wrong or contradict each other; the errors of `connect` for the first
 *   connections.
 * @example
 *   await using pool = await createPool('postgres://localhost/shop', { maxSize: 20 })
 *   const items = await pool.fetch('select * from item where price < $1', [10])
 *   await pool.withConnection((con) => con.transaction(() => con.execute('delete from item')))
 */
export async function createPool<C extends Connection>(
  dsn: string | undefined,
  options: PoolOptions & { readonly connectionClass: ConnectionClass<C> },
): Promise<Pool<C>>
export async function createPool(dsn?: string | PoolOptions, options?: PoolOptions): Promise<Pool>
export async function createPool(dsn?: string | PoolOptions, options?: PoolOptions): Promise<Pool> {
  const given = (typeof dsn === 'string' ? options : (dsn ?? options)) ?? {}
  const connect = readConnectArguments(dsn, options, given.connect !== undefined)
  const pool = new Pool(readPoolOptions(given, connect.isEmbedded), connect)
  await pool.start()
  return pool
}
