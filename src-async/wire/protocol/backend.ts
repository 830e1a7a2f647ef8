/**
 * Reads the bodies of the server's messages. Each function takes a reader for one body and never reads beyond it. A body that
 * is too short raises `TruncatedBytesError`, which the conversation turns into a ProtocolError. Source of truth: PostgreSQL
 * manual, "Message Formats" and "Error and Notice Message Fields".
 */
import type { ByteReader } from '../../bytes/byte-reader.ts'
import { ProtocolError } from '../../errors/tree.ts'
import type { Notification, ServerMessageFields, TransactionStatus } from '../operations.ts'
import type { Column } from '../row-sink.ts'

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** Reads the type OIDs of a ParameterDescription. */
export function readParameterDescription(body: ByteReader): number[] {
  const count = body.uint16()
  const types: number[] = []
  for (let i = 0; i < count; i++) types.push(body.uint32())
  return types
}

export function readRowDescription(body: ByteReader): Column[] {
  const count = body.uint16()
  const columns: Column[] = []
  for (let i = 0; i < count; i++) {
    columns.push({
      name: body.cstring(),
      tableOid: body.uint32(),
      tableColumn: body.int16(),
      typeOid: body.uint32(),
      typeSize: body.int16(),
      typeModifier: body.int32(),
    })
    body.skip(2) // The format code: 0 from Describe and the simple protocol, otherwise the one in the Bind message.
  }
  return columns
}

export function readTransactionStatus(body: ByteReader): TransactionStatus {
  switch (body.uint8()) {
    case 0x49:
      return 'I'
    case 0x54:
      return 'T'
    case 0x45:
      return 'E'
    default:
      throw new ProtocolError('the server sent ReadyForQuery with an unknown transaction status')
  }
}

export function readNotification(body: ByteReader): Notification {
  return { backendPid: body.int32(), channel: body.cstring(), payload: body.cstring() }
}

/** Reads an ErrorResponse or a NoticeResponse. Skips unknown fields, as the manual asks. */
export function readServerMessage(body: ByteReader): ServerMessageFields {
  const fields: Writable<ServerMessageFields> = { severity: '', sqlstate: 'XX000', message: '' }
  for (let code = body.uint8(); code !== 0; code = body.uint8()) {
    const value = body.cstring()
    switch (String.fromCharCode(code)) {
      // V is the severity without translation, and comes after S (PostgreSQL 9.6 and later). Programs compare it, so
      // it replaces S.
      case 'S':
        fields.severity ||= value
        break
      case 'V':
        fields.severity = value
        break
      case 'C':
        fields.sqlstate = value
        break
      case 'M':
        fields.message = value
        break
      case 'D':
        fields.detail = value
        break
      case 'H':
        fields.hint = value
        break
      case 'P':
        setNumber(fields, 'position', value)
        break
      case 'p':
        setNumber(fields, 'internalPosition', value)
        break
      case 'q':
        fields.internalQuery = value
        break
      case 'W':
        fields.context = value
        break
      case 's':
        fields.schemaName = value
        break
      case 't':
        fields.tableName = value
        break
      case 'c':
        fields.columnName = value
        break
      case 'd':
        fields.dataTypeName = value
        break
      case 'n':
        fields.constraintName = value
        break
      case 'F':
        fields.serverSourceFilename = value
        break
      case 'L':
        setNumber(fields, 'serverSourceLine', value)
        break
      case 'R':
        fields.serverSourceFunction = value
        break
      default:
        break
    }
  }
  return fields
}

function setNumber(
  fields: Writable<ServerMessageFields>,
  name: 'position' | 'internalPosition' | 'serverSourceLine',
  value: string,
): void {
  const number = Number(value)
  if (Number.isSafeInteger(number)) fields[name] = number
}

/**
 * Reads the row count at the end of a command tag, `INSERT 0 5` → 5, without making a string; -1 when the tag ends with no
 * number. The reader is at the first byte of the tag.
 */
export function readAffectedRows(body: ByteReader): number {
  const { bytes, position, end } = body
  let count = 0
  let scale = 1
  let at = end - 2 // The last byte is the terminating zero.
  for (; at >= position; at--) {
    const digit = bytes[at]! - 0x30
    if (digit < 0 || digit > 9) break
    count += digit * scale
    scale *= 10
  }
  const hasNumber = scale > 1 && at >= position && bytes[at] === 0x20
  return hasNumber ? count : -1
}
