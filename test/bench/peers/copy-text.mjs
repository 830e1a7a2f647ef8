/** COPY's text format, as users of clients without a COPY of records write it. */

const SPECIAL = /[\\\n\r\t]/g
const ESCAPES = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** The records as text in pieces of some 64 kB. */
export function* copyChunks(records) {
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
