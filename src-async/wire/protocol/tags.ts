/**
 * The type bytes of protocol 3.0, and the numbers of a message header. Some bytes have one meaning from the server and another
 * from the client. Source of truth: PostgreSQL manual, chapter "Frontend/Backend Protocol", section "Message Formats".
 */

// Server to client.
export const AUTHENTICATION = 0x52 // R
export const BACKEND_KEY_DATA = 0x4b // K
export const BIND_COMPLETE = 0x32 // 2
export const CLOSE_COMPLETE = 0x33 // 3
export const COMMAND_COMPLETE = 0x43 // C
export const COPY_DATA = 0x64 // d, both ways
export const COPY_DONE = 0x63 // c, both ways
export const COPY_IN_RESPONSE = 0x47 // G
export const COPY_OUT_RESPONSE = 0x48 // H
export const DATA_ROW = 0x44 // D
export const EMPTY_QUERY_RESPONSE = 0x49 // I
export const ERROR_RESPONSE = 0x45 // E
export const NEGOTIATE_PROTOCOL_VERSION = 0x76 // v
export const NO_DATA = 0x6e // n
export const NOTICE_RESPONSE = 0x4e // N
export const NOTIFICATION_RESPONSE = 0x41 // A
export const PARAMETER_DESCRIPTION = 0x74 // t
export const PARAMETER_STATUS = 0x53 // S
export const PARSE_COMPLETE = 0x31 // 1
export const PORTAL_SUSPENDED = 0x73 // s
export const READY_FOR_QUERY = 0x5a // Z
export const ROW_DESCRIPTION = 0x54 // T

// Client to server.
export const BIND = 0x42 // B
export const CLOSE = 0x43 // C
export const COPY_FAIL = 0x66 // f
export const DESCRIBE = 0x44 // D
export const EXECUTE = 0x45 // E
export const PARSE = 0x50 // P
export const PASSWORD = 0x70 // p, SASL messages too
export const QUERY = 0x51 // Q
export const SYNC = 0x53 // S
export const TERMINATE = 0x58 // X

/** What Describe and Close are about: a statement or a portal. */
export const STATEMENT = 0x53 // S
export const PORTAL = 0x50 // P

/** The size of a message header: type byte and length word. */
export const HEADER_BYTES = 5

/** Reads the length word at `offset`, which counts itself. Does not check whether the length is possible. */
export function lengthWord(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!
}

/** The limit of the server, used in both directions: 1 GiB less one (src/include/libpq/libpq.h, PQ_LARGE_MESSAGE_LIMIT). */
export const MAX_MESSAGE_BYTES = 0x3fffffff

export const PROTOCOL_3_0 = 0x00030000
/** The version of PostgreSQL 18, with cancel keys of up to 256 bytes. */
export const PROTOCOL_3_2 = 0x00030002
export const CANCEL_REQUEST_CODE = 80877102
export const SSL_REQUEST_CODE = 80877103

/** The name of a type byte for error messages: `'D'`, or the number when it is no printable character. */
export function tagName(tag: number): string {
  return tag > 0x20 && tag < 0x7f ? `'${String.fromCharCode(tag)}'` : `0x${tag.toString(16)}`
}
