/**
 * Explains a failed connection that had no DSN, as with `connect(process.env.DATABASE_URL)` when the variable is not
 * set.
 */
import { env } from 'node:process'
import { OperationalError, amend } from '../errors/tree.ts'

const PLACES = ['host', 'hostaddr', 'port', 'service'] as const
const VARIABLES = ['PGHOST', 'PGHOSTADDR', 'PGPORT', 'PGSERVICE']

/** Adds the explanation when neither a DSN nor an option nor a variable names a server. @returns the same error. */
export function explainMissingDsn(error: unknown, dsn: string | undefined, options: object): unknown {
  if (!(error instanceof OperationalError) || (dsn !== undefined && dsn !== '')) return error
  if (PLACES.some((name) => (options as { readonly [name: string]: unknown })[name] !== undefined)) return error
  if (VARIABLES.some((name) => env[name] !== undefined && env[name] !== '')) return error
  amend(error, {}, `no DSN was given, so the default place was tried: ${error.primaryMessage}`)
  return error
}
