/** The door (entry point) of `syncpg/pg`: the API of the npm package `pg`, over syncpg. */
import type * as ClientFile from './client.ts'
import type * as ConnectionFile from './connection.ts'
import type * as ConnectionParametersFile from './connection-parameters.ts'
import type * as DatabaseErrorFile from './database-error.ts'
import type * as DefaultsFile from './defaults.ts'
import type * as PgTypesFile from './pg-types.ts'
import type * as PoolFile from './pool.ts'
import type * as QueryFile from './query.ts'
import type * as ResultFile from './result.ts'
import { Client } from './client.ts'
import { Connection } from './connection.ts'
import { copyFrom, copyTo } from './copy-streams.ts'
import { DatabaseError } from './database-error.ts'
import { defaults } from './defaults.ts'
import { escapeIdentifier, escapeLiteral } from './escape.ts'
import { TypeOverrides, types } from './pg-types.ts'
import { Pool } from './pool.ts'
import { prepareValue } from './prepare-value.ts'
import { Query } from './query.ts'
import { Result } from './result.ts'

/** Always null: in `pg` this is the client over libpq, which does not exist here. */
export const native = null
/** The internal helpers of pg that programs use. */
export const utils = { prepareValue, escapeIdentifier, escapeLiteral }

interface Pg {
  readonly Client: typeof Client
  readonly Connection: typeof Connection
  readonly DatabaseError: typeof DatabaseError
  readonly Pool: typeof Pool
  readonly Query: typeof Query
  readonly Result: typeof Result
  readonly TypeOverrides: typeof TypeOverrides
  readonly copyFrom: typeof copyFrom
  readonly copyTo: typeof copyTo
  readonly defaults: typeof defaults
  readonly escapeIdentifier: typeof escapeIdentifier
  readonly escapeLiteral: typeof escapeLiteral
  readonly native?: null
  readonly types: typeof types
  readonly utils: typeof utils
}

/** All exports in one object, as `import pg from 'pg'` gives it. */
export const pg: Pg = {
  Client,
  Connection,
  DatabaseError,
  Pool,
  Query,
  Result,
  TypeOverrides,
  copyFrom,
  copyTo,
  defaults,
  escapeIdentifier,
  escapeLiteral,
  types,
  utils,
}
// oxlint-disable-next-line typescript/no-explicit-any -- as in pg.
type Any = any

/** The types of the same names, so that programs can write `pg.Client` as a type. */
// oxlint-disable-next-line typescript/no-namespace
export declare namespace pg {
  export type Client = ClientFile.Client
  export type ClientConfig = ConnectionParametersFile.ClientConfig
  export type CustomTypes = PgTypesFile.CustomTypes
  export type DatabaseError = DatabaseErrorFile.DatabaseError
  export type Defaults = DefaultsFile.Defaults
  export type FieldDef = ResultFile.FieldDef
  export type NoticeMessage = DatabaseErrorFile.NoticeMessage
  export type Notification = ConnectionFile.Notification
  export type Pool = PoolFile.Pool
  export type PoolClient = PoolFile.PoolClient
  export type PoolConfig = PoolFile.PoolConfig
  export type Query = QueryFile.Query
  export type QueryConfig<I = Any[]> = QueryFile.QueryConfig<I>
  export type QueryResult<R = Any> = ResultFile.QueryResult<R>
  export type QueryResultRow = ResultFile.QueryResultRow
  export type Result<R = Any> = ResultFile.Result<R>
  export type Submittable = ClientFile.Submittable
  export type TypeOverrides = PgTypesFile.TypeOverrides
}

// Not enumerable, as in pg: code that lists the properties does not find it.
Object.defineProperty(pg, 'native', { value: native })

export {
  Client,
  Connection,
  DatabaseError,
  Pool,
  Query,
  Result,
  TypeOverrides,
  copyFrom,
  copyTo,
  defaults,
  escapeIdentifier,
  escapeLiteral,
  types,
}
export type { CopyFromStream, CopyToStream } from './copy-streams.ts'
export type { Submittable } from './client.ts'
export type { ClientConfig, PgSslConfig } from './connection-parameters.ts'
export type { NoticeMessage } from './database-error.ts'
export type { Notification } from './connection.ts'
export type { Defaults } from './defaults.ts'
export type { CustomTypes, PgTypes, TypeFormat, TypeParser } from './pg-types.ts'
export type { PoolClient, PoolConfig } from './pool.ts'
export type { QueryConfig } from './query.ts'
export type { FieldDef, QueryResult, QueryResultRow } from './result.ts'

export { pg as default }
