/**
 * Checks whether a server is of the kind that `targetSessionAttrs` asks for. PostgreSQL 14 and later report their
 * kind by ParameterStatus. Older servers are asked by a query. Source of truth for the values: PostgreSQL manual,
 * "Parameter Key Words", target_session_attrs.
 */
import { ByteReader } from '../bytes/byte-reader.ts'
import type { TargetSessionAttrs } from '../options/session-options.ts'
import { HEADER_BYTES } from './protocol/tags.ts'
import type { ResultSink } from './row-sink.ts'
import type { Session } from './session.ts'

/** Says why this session is not of the wanted kind; null when it is. */
export async function mismatch(session: Session, wanted: TargetSessionAttrs): Promise<string | null> {
  switch (wanted) {
    case 'read-write':
      return (await isReadOnly(session)) ? 'the session is read-only' : null
    case 'read-only':
      return (await isReadOnly(session)) ? null : 'the session is not read-only'
    case 'primary':
      return (await isStandby(session)) ? 'the server is in hot standby mode' : null
    case 'standby':
      return (await isStandby(session)) ? null : 'the server is not in hot standby mode'
    default:
      return null
  }
}

async function isReadOnly(session: Session): Promise<boolean> {
  const byDefault = session.parameters.get('default_transaction_read_only')
  const inStandby = session.parameters.get('in_hot_standby')
  if (byDefault !== undefined && inStandby !== undefined) return byDefault === 'on' || inStandby === 'on'
  return (await askOne(session, 'show transaction_read_only')) === 'on'
}

async function isStandby(session: Session): Promise<boolean> {
  const inStandby = session.parameters.get('in_hot_standby')
  if (inStandby !== undefined) return inStandby === 'on'
  return (await askOne(session, 'select pg_catalog.pg_is_in_recovery()')) === 't'
}

/** Runs a statement that gives one value. @returns the value's text */
async function askOne(session: Session, sql: string): Promise<string> {
  let text = ''
  const results: ResultSink = {
    take(bytes, start, end) {
      const row = new ByteReader(bytes, start + HEADER_BYTES + 2, end)
      text = row.utf8(row.int32())
    },
    complete() {},
  }
  await session.simpleQuery({ begin: null, closing: [], timeoutMs: 0, sql, results })
  return text
}
