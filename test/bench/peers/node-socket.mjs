/**
 * Measures Node itself: writes the bytes of one prepared statement to a socket and reads the answer, without a
 * client. pg connects and prepares the statement. Then the bytes are sent directly, and the number is read from the
 * answer. No client can be faster than this on Node's event loop.
 */
import pg from 'pg'

const NAME = 'bench'
const DATA_ROW = 0x44
const READY_FOR_QUERY = 0x5a
const READY_BYTES = 6
const HEAD_BYTES = 5

export async function open(target) {
  const client = new pg.Client(target)
  await client.connect()
  const { stream } = client.connection
  const others = stream.listeners('data')
  stream.removeAllListeners('data')
  let answer = null
  stream.on('data', (chunk) => {
    if (answer === null) for (const listener of others) listener(chunk)
    else if (chunk[chunk.length - READY_BYTES] === READY_FOR_QUERY) answer(chunk)
  })
  let prepared = null
  const request = requestBytes()
  return {
    isBlocking: false,
    async one(sql) {
      if (sql !== prepared) {
        if (prepared !== null) return (await client.query(sql)).rows[0]
        await client.query({ name: NAME, text: sql })
        prepared = sql
      }
      const chunk = await new Promise((resolve) => {
        answer = resolve
        stream.write(request)
      })
      answer = null
      return { one: firstNumber(chunk) }
    },
    close: () => client.end(),
  }
}

/** Bind without parameters, Execute, Sync. */
function requestBytes() {
  const bind = Buffer.from(`\0${NAME}\0\0\0\0\0\0\0`, 'latin1')
  const execute = Buffer.from('\0\0\0\0\0', 'latin1')
  return Buffer.concat([message('B', bind), message('E', execute), message('S', Buffer.alloc(0))])
}

function message(letter, body) {
  const head = Buffer.alloc(HEAD_BYTES)
  head.write(letter, 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

/** The first value of the first row, as text. */
function firstNumber(chunk) {
  for (let at = 0; at < chunk.length; at += 1 + chunk.readInt32BE(at + 1)) {
    if (chunk[at] !== DATA_ROW) continue
    const lengthAt = at + HEAD_BYTES + 2
    const length = chunk.readInt32BE(lengthAt)
    return Number(chunk.latin1Slice(lengthAt + 4, lengthAt + 4 + length))
  }
  throw new Error('the answer has no row')
}
