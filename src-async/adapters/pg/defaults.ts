/** `pg.defaults`: what clients begin with that are told nothing else. A program may change it. */
import process from 'node:process'
import { types } from './pg-types.ts'

const INT8 = 20
const INT8_ARRAY = 1016
const INT4 = 23
const INT4_ARRAY = 1007

export interface Defaults {
  host: string | undefined
  user: string | undefined
  database: string | undefined
  password: string | null
  connectionString: string | undefined
  port: number
  /** Not used: all rows come at once. */
  rows: number
  /** Not used: rows come as text. */
  binary: boolean
  max: number
  idleTimeoutMillis: number
  client_encoding: string
  ssl: boolean
  sslnegotiation: string | undefined
  application_name: string | undefined
  fallback_application_name: string | undefined
  options: string | undefined
  parseInputDatesAsUTC: boolean
  statement_timeout: number | false
  lock_timeout: number | false
  idle_in_transaction_session_timeout: number | false
  query_timeout: number | false
  connect_timeout: number
  keepalives: number
  keepalives_idle: number
  /** Set it to true, and int8 becomes a number, in silence beyond 2^53. Cannot be read. */
  parseInt8: boolean
}

const parseBigInteger = types.getTypeParser(INT8, 'text')
const parseBigIntegerArray = types.getTypeParser(INT8_ARRAY, 'text')

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
