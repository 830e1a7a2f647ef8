/**
 * A record, in shared memory, of the calls of a thread, because a thread that hangs in a call cannot report it. The
 * guard reads which call runs and since when. After a failure the last events of a connection are printed.
 */
const RECORDS = 4096
const RECORD_BYTES = 144
const HEAD_BYTES = 64

const HEAD = {
  /** Number of records ever written. */
  count: 0,
  /** 1 while a call runs. */
  isInCall: 1,
  /** When the running call has begun, in milliseconds of the clock that all threads share. */
  startedMs: 2,
  connection: 3,
  calls: 4,
}

/** A clock in milliseconds that is the same in all threads of the process. */
export const clockMs = () => Math.trunc(Date.now() % 1e9)

export class BlackBox {
  #words
  #text

  constructor(shared = new SharedArrayBuffer(HEAD_BYTES + RECORDS * RECORD_BYTES)) {
    this.shared = shared
    this.#words = new Int32Array(shared, 0, HEAD_BYTES / 4)
    this.#text = Buffer.from(shared, HEAD_BYTES)
  }

  begin(connection, what) {
    const words = this.#words
    words[HEAD.calls] += 1
    this.note(connection, what)
    words[HEAD.connection] = connection
    words[HEAD.startedMs] = clockMs()
    Atomics.store(words, HEAD.isInCall, 1)
  }

  end() {
    Atomics.store(this.#words, HEAD.isInCall, 0)
  }

  note(connection, what) {
    const words = this.#words
    const at = (words[HEAD.count] % RECORDS) * RECORD_BYTES
    const line = `${connection} ${clockMs()} ${words[HEAD.calls]} ${what}\n`
    const length = this.#text.latin1Write(line, at, RECORD_BYTES - 1)
    this.#text[at + length] = 10
    words[HEAD.count] += 1
  }

  get calls() {
    return this.#words[HEAD.calls]
  }

  /** @returns how long the running call has taken so far, 0 where none runs */
  get runningMs() {
    const words = this.#words
    return Atomics.load(words, HEAD.isInCall) === 1 ? clockMs() - words[HEAD.startedMs] : 0
  }

  get connection() {
    return this.#words[HEAD.connection]
  }

  /** @returns the last events of a connection, the oldest first: milliseconds, number of the call, what was asked */
  lastEvents(connection, most = 16) {
    const count = this.#words[HEAD.count]
    const found = []
    for (let index = count - 1; index >= Math.max(0, count - RECORDS) && found.length < most; index--) {
      const at = (index % RECORDS) * RECORD_BYTES
      const [line] = this.#text.latin1Slice(at, at + RECORD_BYTES).split('\n')
      const space = line.indexOf(' ')
      if (Number(line.slice(0, space)) === connection) found.unshift(line.slice(space + 1))
    }
    return found
  }
}
