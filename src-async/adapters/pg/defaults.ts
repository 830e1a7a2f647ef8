/** `pg.defaults`: the default options of clients. A program may change them. */
import process from 'node:process'
import { types } from './pg-types.ts'

const INT8 = 20
const INT8_ARRAY = 1016
const INT4 = 23
const INT4_ARRAY = 1007

/** The default options of clients. A program may change them. */
export interface Defaults {
  /** The host. */
  host: string | undefined
  /** The role. */
  user: string | undefined
  /** The database. */
  database: string | undefined
  /** The password. */
  password: string | null
  /** A DSN. */
  connectionString: string | undefined
  /** The port. */
  port: number
  /** Not used: all rows come at once. */
  rows: number
  /** Not used: rows come as text. */
  binary: boolean
  /** The size of a pool. */
  max: number
  /** Milliseconds that a pool keeps an idle connection. */
  idleTimeoutMillis: number
  /** The encoding of sessions. */
  client_encoding: string
  /** Whether TLS is used. */
  ssl: boolean
  /** How TLS begins. */
  sslnegotiation: string | undefined
  /** The name that `pg_stat_activity` shows. */
  application_name: string | undefined
  /** The name that is used if no `application_name` is given. */
  fallback_application_name: string | undefined
  /** Options of the server's command line. */
  options: string | undefined
  /** Whether a `Date` as a parameter is written in UTC. */
  parseInputDatesAsUTC: boolean
  /** Milliseconds that a statement may take, as the server measures it. */
  statement_timeout: number | false
  /** Milliseconds that a statement may wait for a lock. */
  lock_timeout: number | false
  /** Milliseconds that a transaction may be idle. */
  idle_in_transaction_session_timeout: number | false
  /** Milliseconds that a query may take, as the client measures it. */
  query_timeout: number | false
  /** Seconds for connecting, 0 for no limit. */
  connect_timeout: number
  /** 1 to send probes on idle connections. */
  keepalives: number
  /** Seconds before the first probe. */
  keepalives_idle: number
  /** If true, int8 values are numbers, which are inexact beyond 2^53. It can be set and not read. */
  parseInt8: boolean
}

const parseBigInteger = types.getTypeParser(INT8, 'text')
const parseBigIntegerArray = types.getTypeParser(INT8_ARRAY, 'text')

/** The default options of clients. A program may change them. */
export const defaults = {
  host: 'localhost',
  user: process.platform === 'win32' ? process.env['USERNAME'] : process.env['USER'],
  database: undefined,
  password: null,
  connectionString: undefined,
  port: 5432,
  rows: 0,
  binary: false,
  max: 10,
  idleTimeoutMillis: 30_000,
  client_encoding: '',
  ssl: false,
  sslnegotiation: undefined,
  application_name: undefined,
  fallback_application_name: undefined,
  options: undefined,
  parseInputDatesAsUTC: false,
  statement_timeout: false,
  lock_timeout: false,
  idle_in_transaction_session_timeout: false,
  query_timeout: false,
  connect_timeout: 0,
  keepalives: 1,
  keepalives_idle: 0,
} as unknown as Defaults

Object.defineProperty(defaults, 'parseInt8', {
  configurable: true,
  enumerable: true,
  set(isWanted: unknown) {
    types.setTypeParser(INT8, 'text', isWanted ? types.getTypeParser(INT4, 'text') : parseBigInteger)
    types.setTypeParser(INT8_ARRAY, 'text', isWanted ? types.getTypeParser(INT4_ARRAY, 'text') : parseBigIntegerArray)
  },
})
