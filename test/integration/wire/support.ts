/** Helpers for tests of the wire with real servers: options, requests and sinks. */
import type { HostAddress, SessionOptions, TlsOptions } from '../../../src-async/options/session-options.ts'
import { openSession } from '../../../src-async/wire/open-session.ts'
import type { ExecuteRequest, Flight, SessionEvents } from '../../../src-async/wire/operations.ts'
import type { Column, ResultSink } from '../../../src-async/wire/row-sink.ts'
import type { Session } from '../../../src-async/wire/session.ts'
import type { ServerCoordinates } from '../../support/postgres-server.ts'

export const plain: Flight = { begin: null, closing: [], timeoutMs: 0 }
/** A bind body without parameters, results in text. */
export const noBind = new Uint8Array(6)

export const noTls: TlsOptions = {
  mode: 'disable',
  rootCertificates: null,
  certificate: null,
  key: null,
  keyPassphrase: null,
  revocationList: null,
  minVersion: null,
  maxVersion: null,
}

export const ignoreEvents: SessionEvents = { notice() {}, notification() {}, parameter() {} }

export function tcp(server: Pick<ServerCoordinates, 'host' | 'port'>, host: string = server.host): HostAddress {
  return { kind: 'tcp', host, port: server.port }
}

export function unix(server: ServerCoordinates): HostAddress {
  return { kind: 'unix', path: `${server.socketDirectory}/.s.PGSQL.${server.port}` }
}

export function optionsFor(server: ServerCoordinates, more: Partial<SessionOptions> = {}): SessionOptions {
  const { user, password, database } = server
  const hosts = [tcp(server)]
  return { hosts, user, password, database, parameters: {}, tls: noTls, connectTimeoutMs: 15_000, ...more }
}

/** Opens a session that `await using` closes at the end of the block. */
export async function open(
  options: SessionOptions,
  events: SessionEvents = ignoreEvents,
): Promise<Session & { [Symbol.asyncDispose](): Promise<void> }> {
  const session = await openSession(options, events)
  return Object.assign(session, {
    [Symbol.asyncDispose]: async () => {
      await session.close({ timeoutMs: 1000 })
    },
  })
}

/** Collects the text of rows' columns. */
export class TextSink implements ResultSink {
  readonly rows: (string | null)[][] = []
  readonly tags: string[] = []
  bytes = 0

  take(bytes: Uint8Array, start: number, end: number): void {
    this.bytes += end - start
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let at = start; at < end; at += 1 + buffer.readInt32BE(at + 1)) this.rows.push(readRow(buffer, at + 5))
  }

  complete(_: readonly Column[] | null, tag: string): void {
    this.tags.push(tag)
  }
}

function readRow(buffer: Buffer, bodyAt: number): (string | null)[] {
  const row: (string | null)[] = []
  let at = bodyAt + 2
  for (let count = buffer.readInt16BE(bodyAt); count > 0; count--) {
    const length = buffer.readInt32BE(at)
    row.push(length < 0 ? null : buffer.utf8Slice(at + 4, at + 4 + length))
    at += 4 + Math.max(length, 0)
  }
  return row
}

/** Runs a text of statements and returns all rows. */
export async function query(session: Session, sql: string): Promise<(string | null)[][]> {
  const results = new TextSink()
  await session.simpleQuery({ ...plain, sql, results })
  return results.rows
}

export function executing(sql: string, more: Partial<ExecuteRequest> = {}): ExecuteRequest {
  const parse = { sql, parameterTypes: [] }
  return { ...plain, name: '', parse, bind: noBind, rowLimit: 0, rows: new TextSink(), ...more }
}

/** A bind body of text parameters, results in text. */
export function bindOf(...values: readonly string[]): Buffer {
  const parts = [int16(0), int16(values.length)]
  for (const value of values) parts.push(int32(Buffer.byteLength(value)), Buffer.from(value))
  return Buffer.concat([...parts, int16(0)])
}

/** Bind bodies as `executeMany` takes them. */
export function bindsOf(rows: readonly (readonly string[])[]): Buffer {
  return Buffer.concat(
    rows.flatMap((row) => {
      const bind = bindOf(...row)
      return [int32(bind.length), bind]
    }),
  )
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
