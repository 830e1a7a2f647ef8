/** Writes COPY's text format, for clients without a COPY of records. Their users have to do the same. */

import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

const SPECIAL = /[\\\n\r\t]/g
const ESCAPES = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Writes the records to a COPY's stream and waits for its end. */
export function writeRecords(stream, records) {
  return pipeline(Readable.from(copyChunks(records)), stream)
}

/** The records as text in pieces of some 64 kB. */
function* copyChunks(records) {
  let chunk = ''
  for (const record of records) {
    chunk += `${record.map(copyField).join('\t')}\n`
    if (chunk.length < 65_536) continue
    yield chunk
    chunk = ''
  }
  yield chunk
}

function copyField(value) {
  if (value === null || value === undefined) return '\\N'
  return typeof value === 'string' ? value.replace(SPECIAL, (character) => ESCAPES[character]) : String(value)
}
