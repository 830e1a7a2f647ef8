/** Says of a connection that failed that nobody had said where to connect: `connect(process.env.DATABASE_URL)` with nothing in it. */
import { env } from 'node:process'
import { OperationalError, amend } from '../errors/tree.ts'

const PLACES = ['host', 'hostaddr', 'port', 'service'] as const
const VARIABLES = ['PGHOST', 'PGHOSTADDR', 'PGPORT', 'PGSERVICE']

/** Amends the error where neither a DSN nor an option nor a variable names a server. @returns the error. */
export function tellMissingDsn(error: unknown, dsn: string | undefined, options: object): unknown {
  if (!(error instanceof OperationalError) || (dsn !== undefined && dsn !== '')) return error
  if (PLACES.some((name) => (options as { readonly [name: string]: unknown })[name] !== undefined)) return error
  if (VARIABLES.some((name) => env[name] !== undefined && env[name] !== '')) return error
  amend(error, {}, `no DSN was given, so the default place was tried: ${error.primaryMessage}`)
  return error
}
