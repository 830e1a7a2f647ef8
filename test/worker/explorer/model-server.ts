/**
 * A model of a server, small enough to explore. It supports the part of PostgreSQL's protocol that the channel uses.
 * Each call makes it do one thing, so that the explorer decides the order. It keeps a list of all statements that it
 * has run.
 *
 * Statements: `row N` gives the row N, `begin N`, `commit N` change the transaction, `fail N` fails, `say N` raises a notice
 * and gives the row, `slow N` runs until it is told to finish or is cancelled, `long N` gives a row of 6,000 bytes.
 */
import { ByteWriter } from '../../../src-async/bytes/byte-writer.ts'

/** One connection of the server. */
export class ModelConnection {
  /** The bytes that the client can read now. */
  arrived = Buffer.alloc(0)
  /** All bytes ever sent. The world compares the parsed bytes with them. */
  sent = Buffer.alloc(0)
  /** Bytes that are on their way, in pieces. */
  readonly underway: Buffer[] = []
  status = 'I'
  isEnded = false
  /** The client has closed its socket. */
  isHungUp = false
  /** Statements run, in order. */
  readonly ran: string[] = []
  #input = Buffer.alloc(0)
  #statement = ''
  #isSkipping = false
  #running: string | null = null
  readonly #pieces: number

  /** @param pieces in how many pieces each answer arrives */
  constructor(pieces: number) {
    this.#pieces = pieces
  }

  /** The client writes. */
  write(bytes: Uint8Array): void {
    this.#input = Buffer.concat([this.#input, bytes])
  }

  /** Whether `work` would do anything. */
  get canWork(): boolean {
    return !this.isEnded && this.#running === null && messageEnd(this.#input) > 0
  }

  get isRunningSlowly(): boolean {
    return this.#running !== null && !this.isEnded
  }

  get signature(): string {
    return `${this.status}${this.isEnded ? 'x' : ''}${this.isHungUp ? 'h' : ''}${this.#running ?? ''}${this.#statement}:${this.#input.length}:${this.arrived.length}:${this.underway.map((piece) => piece.length).join()}:${this.sent.length}:${this.ran.join()}`
  }

  /** Performs the requests that it has received, up to the next Sync. */
  work(): void {
    const out = new ByteWriter()
    for (let end = messageEnd(this.#input); end > 0; end = messageEnd(this.#input)) {
      const message = this.#input.subarray(0, end)
      this.#input = this.#input.subarray(end)
      this.#take(String.fromCharCode(message[0]!), message.subarray(5), out)
      if (this.#running !== null || message[0] === 0x53 || message[0] === 0x51) break
    }
    this.#send(Buffer.from(out.view()))
  }

  /** The next piece of an answer arrives. */
  arrive(): void {
    const piece = this.underway.shift()
    if (piece !== undefined) this.arrived = Buffer.concat([this.arrived, piece])
  }

  /** The slow statement ends. @param isCancelled by error 57014 */
  finishSlow(isCancelled: boolean): void {
    const number = this.#running
    if (number === null) return
    this.#running = null
    const out = new ByteWriter()
    if (isCancelled) this.#fail(out, '57014')
    else giveRow(out, number)
    this.#send(Buffer.from(out.view()))
  }

  /** Sends a notification. */
  notify(payload: string): void {
    const out = new ByteWriter()
    message(out, 'A', () => out.int32(1).cstring('c').cstring(payload))
    this.#send(Buffer.from(out.view()))
  }

  /** Ends the connection, as pg_terminate_backend does. */
  terminate(): void {
    const out = new ByteWriter()
    errorMessage(out, 'FATAL', '57P01')
    this.#send(Buffer.from(out.view()), 1)
    this.isEnded = true
  }

  /** Sends the answer to a client's start-up. */
  greet(): void {
    const out = new ByteWriter()
    message(out, 'R', () => out.int32(0))
    message(out, 'K', () => out.int32(7).int32(7))
    this.#ready(out)
    this.#send(Buffer.from(out.view()), 1)
    this.#input = Buffer.alloc(0)
  }

  #take(letter: string, body: Buffer, out: ByteWriter): void {
    if (letter === 'X') {
      this.isEnded = true
      return
    }
    if (letter === 'S') {
      this.#isSkipping = false
      return this.#ready(out)
    }
    if (this.#isSkipping) return
    if (letter === 'P') {
      this.#statement = body.toString('latin1', body.indexOf(0) + 1, body.indexOf(0, body.indexOf(0) + 1))
      return message(out, '1')
    }
    if (letter === 'B') return message(out, '2')
    if (letter === 'C') return message(out, '3')
    if (letter === 'E') return this.#execute(this.#statement, out)
    if (letter === 'Q') {
      this.#execute(body.toString('latin1', 0, body.indexOf(0)), out)
      return this.#ready(out)
    }
    throw new Error(`the model server does not know the message ${letter}`)
  }

  #execute(statement: string, out: ByteWriter): void {
    const [verb = '', number = ''] = statement.split(' ')
    this.ran.push(number)
    if (this.status === 'E' && verb !== 'commit') return this.#fail(out, '25P02')
    if (verb === 'slow') {
      this.#running = number
      return
    }
    if (verb === 'fail') return this.#fail(out, '22012')
    if (verb === 'begin') this.status = 'T'
    if (verb === 'commit') this.status = 'I'
    if (verb === 'say') noticeMessage(out)
    if (verb === 'begin' || verb === 'commit') return message(out, 'C', () => out.cstring(verb.toUpperCase()))
    giveRow(out, verb === 'long' ? number.padEnd(6000, '.') : number)
  }

  #fail(out: ByteWriter, sqlstate: string): void {
    errorMessage(out, 'ERROR', sqlstate)
    if (this.status === 'T') this.status = 'E'
    this.#isSkipping = true
  }

  #ready(out: ByteWriter): void {
    message(out, 'Z', () => out.uint8(this.status.charCodeAt(0)))
  }

  #send(bytes: Buffer, pieces = this.#pieces): void {
    if (bytes.length === 0 || this.isEnded) return
    this.sent = Buffer.concat([this.sent, bytes])
    const half = pieces === 1 ? bytes.length : Math.ceil(bytes.length / 2)
    this.underway.push(bytes.subarray(0, half))
    if (half < bytes.length) this.underway.push(bytes.subarray(half))
  }
}

function messageEnd(input: Buffer): number {
  if (input.length < 5) return 0
  const end = 1 + input.readInt32BE(1)
  return end <= input.length ? end : 0
}

function message(out: ByteWriter, letter: string, body: () => unknown = () => {}): void {
  out.uint8(letter.charCodeAt(0))
  const start = out.reserveInt32()
  body()
  out.patchInt32(start, out.length - start)
}

function giveRow(out: ByteWriter, value: string): void {
  message(out, 'D', () => out.int16(1).int32(Buffer.byteLength(value)).utf8(value))
  message(out, 'C', () => out.cstring('SELECT 1'))
}

function errorMessage(out: ByteWriter, severity: string, sqlstate: string): void {
  message(out, 'E', () => fields(out, severity, sqlstate))
}

function noticeMessage(out: ByteWriter): void {
  message(out, 'N', () => fields(out, 'NOTICE', '00000'))
}

function fields(out: ByteWriter, severity: string, sqlstate: string): void {
  for (const [letter, text] of Object.entries({ S: severity, V: severity, C: sqlstate, M: 'said by the model' })) {
    out.uint8(letter.charCodeAt(0)).cstring(text)
  }
  out.uint8(0)
}
