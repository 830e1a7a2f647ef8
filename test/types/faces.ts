/** Both APIs behind one type, with the calls that they have in common. A result may be a promise. */
import { connect as connectAsync, type ConnectOptions, type TypeCodecOptions } from 'syncpg/async'
import * as db from 'syncpg'
import { afterAll, beforeAll, beforeEach, describe } from 'vitest'

import { askServer, createDatabase, serverOfMajor, sharedServer } from '../support/shared-server.ts'

export type Maybe<T> = T | Promise<T>
export type Rows = { readonly [column: string]: unknown }[]
type Values = readonly unknown[]

/** A connection of either face, in autocommit. */
export interface AnyConnection {
  execute(sql: string | db.Sql, values?: Values): Maybe<unknown>
  fetch(sql: string | db.Sql, values?: Values, options?: object): Maybe<Rows>
  fetchrow(sql: string | db.Sql, values?: Values, options?: object): Maybe<Rows[number] | null>
  fetchval(sql: string | db.Sql, values?: Values, column?: number | string): Maybe<unknown>
  setTypeCodec(typeName: string, options: TypeCodecOptions): Maybe<void>
  setBuiltinTypeCodec(
    typeName: string,
    options: { codecName: string; schema?: string; format?: 'text' | 'binary' },
  ): Maybe<void>
  resetTypeCodec(typeName: string, options?: { schema?: string }): Maybe<void>
  copyRecordsToTable(table: string, options: { records: Iterable<Values> }): Maybe<unknown>
  close(): Maybe<void>
}

export type Face = 'async' | 'blocking'

export async function openFace(face: Face, dsn: string, options: ConnectOptions = {}): Promise<AnyConnection> {
  if (face === 'async') return (await connectAsync(dsn, options)) as unknown as AnyConnection
  return db.connect(dsn, { autocommit: true, ...(options as db.ConnectOptions) }) as unknown as AnyConnection
}

export interface World {
  readonly face: Face
  readonly con: AnyConnection
  /** Another connection to the same database, closed after the test. */
  connect(options?: ConnectOptions): Promise<AnyConnection>
  dsn(): Promise<string>
}

/**
 * Declares tests for both APIs, which run in their own database.
 * @param setup SQL that fills the database
 */
export function eachFace(name: string, setup: string, tests: (world: World) => void): void {
  const { major } = sharedServer()
  describe.each(['async', 'blocking'] as const)(`${name}, %s`, (face) => {
    const database = `faces_${name.replaceAll(/\W/g, '_').toLowerCase().slice(0, 30)}_${face}_${major}_${process.pid}`
    let con: AnyConnection | null = null
    const extra: AnyConnection[] = []
    const world: World = {
      face,
      get con() {
        if (con === null) throw new Error('the connection is opened before the first test')
        return con
      },
      async connect(options) {
        const opened = await openFace(face, await world.dsn(), options)
        extra.push(opened)
        return opened
      },
      dsn: async () => (await serverOfMajor(major)).dsn({ database }),
    }
    beforeAll(async () => {
      const server = await serverOfMajor(major)
      await createDatabase(server, database)
      if (setup !== '') await askServer(server, setup, [], database)
    })
    // Each test gets a new connection, because a test may set codecs.
    beforeEach(async () => {
      con = await openFace(face, await world.dsn())
      return async () => {
        for (const each of [...extra.splice(0), con]) await each?.close()
      }
    })
    afterAll(async () => {
      await askServer(await serverOfMajor(major), `drop database ${database} with (force)`)
    })
    tests(world)
  })
}
