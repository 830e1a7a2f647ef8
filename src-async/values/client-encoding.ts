/**
 * `client_encoding`, when SQL sets it. The driver reads and writes UTF-8, and sets the encoding back after the call. Until
 * then the server sends text in the other encoding. When the SQL shows this, the call is refused before it is sent. When it
 * does not, text that is not ASCII is refused as it arrives.
 */
import { NotSupportedError } from '../errors/tree.ts'
import type { Column, ResultSink, RowSink } from '../wire/row-sink.ts'
import { Lexer, TOKEN, type Token } from './sql-lexer.ts'

const NAME = 'client_encoding'
const UTF8: ReadonlySet<string> = new Set(['utf8', 'utf-8', 'unicode', 'default'])

/** Whether the server's name of an encoding means UTF-8. */
export function isUtf8(encoding: string): boolean {
  return UTF8.has(encoding.toLowerCase())
}

/**
 * The effect of a text on the encoding, judged by its words.
 * - `none`: no effect.
 * - `call`: it calls `set_config()` for a setting whose name is an expression or a parameter, so the values decide.
 * - `lone call`: it has such a call, which is the whole statement.
 * - `last`: it sets another encoding, and returns no rows after that except the setting's own.
 * - `mixed`: it sets another encoding, and other text is sent or returned in that encoding.
 */
export type EncodingUse = 'none' | 'call' | 'lone call' | 'last' | 'mixed'

const HINT =
  'set client_encoding in a call of its own, or not at all: this driver uses UTF-8 and sets the encoding back'
const MENTIONS = /encoding|\bnames\b|set_config|pg_settings/i

/** @param isStandard the server's `standard_conforming_strings` */
export function encodingUse(sql: string, isStandard: boolean): EncodingUse {
  if (!MENTIONS.test(sql)) return 'none'
  let use: EncodingUse = 'none'
  let isOther = false
  for (const words of statementsOf(sql, isStandard)) {
    const effect = effectOf(words)
    if (effect === 'mixed' || (isOther && effect === null && mayGiveText(words))) return 'mixed'
    if (effect === 'call' && use !== 'last') use = 'call'
    if (effect === 'lone call' && use === 'none') use = 'lone call'
    if (effect === 'other') use = 'last'
    if (effect === 'other' || effect === 'utf8') isOther = effect === 'other'
  }
  return use
}

/**
 * Refuses a call whose text would come in another encoding.
 * @param values the arguments of the call; only strings can name the setting
 * @throws NotSupportedError, before anything is sent.
 */
export function requireUtf8(use: EncodingUse, values: readonly unknown[]): void {
  if (use === 'mixed' || (use === 'call' && setsByCall(values))) {
    throw new NotSupportedError('the SQL sets client_encoding, and other text of the call would be in that encoding', {
      hint: HINT,
    })
  }
}

/** Refuses any change of the encoding by a statement that is not sent alone: in a pipeline, or for many elements. */
export function requireNoEncoding(use: EncodingUse, values: readonly unknown[], among: string): void {
  if (use === 'none' || ((use === 'call' || use === 'lone call') && !setsByCall(values))) return
  throw new NotSupportedError(`a statement that sets client_encoding cannot run among ${among}`, { hint: HINT })
}

function setsByCall(values: readonly unknown[]): boolean {
  if (!values.some(isName)) return false
  return !values.some((value) => typeof value === 'string' && isUtf8(value))
}

/** The error when the server reports another encoding after a statement whose words did not show the change. */
export function unseenEncoding(encoding: string, what: string): NotSupportedError {
  return new NotSupportedError(
    `a function has set client_encoding to ${encoding}: the statement has run, and ${what}`,
    {
      hint: 'do not set client_encoding: this driver uses UTF-8 and sets the encoding back',
    },
  )
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value.trim().toLowerCase() === NAME
}

interface Word {
  readonly token: Token
  /** The word in lower case and without quotes; for a string, its content. */
  readonly text: string
}

/** The words of each statement, without blanks and comments. */
function* statementsOf(sql: string, isStandard: boolean): Generator<readonly Word[]> {
  const lexer = new Lexer(sql, isStandard)
  let words: Word[] = []
  for (;;) {
    const token = lexer.next()
    if (token === TOKEN.SEMICOLON || token === TOKEN.END) {
      if (words.length > 0) yield words
      if (token === TOKEN.END) return
      words = []
    } else if (token !== TOKEN.SPACE && token !== TOKEN.COMMENT) {
      words.push({ token, text: plain(sql.slice(lexer.start, lexer.end), token) })
    }
  }
}

function plain(text: string, token: Token): string {
  if (token === TOKEN.STRING) return text.slice(text.indexOf("'") + 1, -1).toLowerCase()
  if (token === TOKEN.DOLLAR_STRING)
    return text.slice(text.indexOf('$', 1) + 1, text.lastIndexOf('$', text.length - 2)).toLowerCase()
  if (token === TOKEN.QUOTED_IDENTIFIER) return text.slice(text.indexOf('"') + 1, -1).toLowerCase()
  return text.toLowerCase()
}

/** The effect of one statement; null when its words do not concern the encoding. */
function effectOf(words: readonly Word[]): 'utf8' | 'other' | 'call' | 'lone call' | 'mixed' | null {
  const first = words[0]!.text
  if (first === 'set') return effectOfSet(words)
  if (first === 'reset' || first === 'discard')
    return words[1]?.text === NAME || words[1]?.text === 'all' ? 'utf8' : null
  if (first === 'update' && words.slice(1, 4).some(({ text }) => text === 'pg_settings')) return effectOfUpdate(words)
  return effectOfCalls(words)
}

/** Reads `set [session | local] client_encoding { to | = } x` and `set [session | local] names x`. */
function effectOfSet(words: readonly Word[]): 'utf8' | 'other' | null {
  const at = words[1]?.text === 'session' || words[1]?.text === 'local' ? 2 : 1
  const name = words[at]?.text
  const value = words[name === NAME ? at + 2 : at + 1]?.text ?? 'default'
  if (name !== NAME && name !== 'names') return null
  return isUtf8(value) ? 'utf8' : 'other'
}

function effectOfUpdate(words: readonly Word[]): 'other' | 'mixed' | 'call' {
  if (words.some(({ text }) => text === 'returning')) return 'mixed'
  return words.some(({ token, text }) => token === TOKEN.STRING && text === NAME) ? 'other' : 'call'
}

/** Checks each call of `set_config(name, value, …`. */
function effectOfCalls(words: readonly Word[]): 'utf8' | 'other' | 'call' | 'lone call' | 'mixed' | null {
  let hasCall = false
  let effect: 'utf8' | 'other' | null = null
  words.forEach(({ token, text }, index) => {
    if (token === TOKEN.STRING || token === TOKEN.DOLLAR_STRING || text !== 'set_config') return
    const [opening, name, comma, value, end] = words.slice(index + 1, index + 6)
    if (opening?.text !== '(') return
    if (!isLiteral(name) || comma?.text !== ',') hasCall = true
    else if (name.text === NAME) {
      const isKnown = isLiteral(value) && end?.text === ','
      effect = isKnown && isUtf8(value.text) && effect !== 'other' ? 'utf8' : 'other'
    }
  })
  if (effect === 'other' || hasCall) {
    // The whole statement is one call, so its only result is the setting.
    if (isOneCall(words)) return effect === 'other' ? 'other' : 'lone call'
    return effect === 'other' ? 'mixed' : 'call'
  }
  return effect
}

function isLiteral(word: Word | undefined): word is Word {
  return word !== undefined && (word.token === TOKEN.STRING || word.token === TOKEN.DOLLAR_STRING)
}

/** Whether the statement is `select [pg_catalog.]set_config(…) [[as] name]` and nothing more. */
function isOneCall(words: readonly Word[]): boolean {
  let at = words[1]?.text === 'pg_catalog' ? 3 : 1
  if (words[0]?.text !== 'select' || words[at]?.text !== 'set_config' || words[at + 1]?.text !== '(') return false
  let depth = 0
  for (at += 1; at < words.length; at += 1) {
    const { token, text } = words[at]!
    if (token !== TOKEN.OTHER) continue
    if (text === '(') depth += 1
    if (text === ')') depth -= 1
    if (depth === 0) break
  }
  const rest = words.slice(at + 1)
  return (
    rest.length === 0 ||
    (rest.length <= 2 && rest.every(({ token }) => token === TOKEN.IDENTIFIER || token === TOKEN.QUOTED_IDENTIFIER))
  )
}

const GIVING_WORDS: ReadonlySet<string> = new Set([
  'select',
  'with',
  'values',
  'table',
  '(',
  'fetch',
  'execute',
  'call',
  'explain',
  'copy',
])
/** Functions that dumps call; their results are ASCII. */
const CALLS_OF_DUMPS: ReadonlySet<string> = new Set(['set_config', 'setval'])

/** Whether a statement may return text that is not ASCII. The result of SHOW is checked when it arrives. */
function mayGiveText(words: readonly Word[]): boolean {
  const [first, second, third, fourth] = words.map(({ text }) => text)
  if (words.some(({ token, text }) => token === TOKEN.IDENTIFIER && text === 'returning')) return true
  if (!GIVING_WORDS.has(first!)) return false
  return !(first === 'select' && CALLS_OF_DUMPS.has(second === 'pg_catalog' && third === '.' ? fourth! : second!))
}

/** Passes rows on, and notes whether a text column contains bytes that depend on the encoding. */
export class EncodingGuard implements ResultSink {
  readonly #sink: RowSink | ResultSink
  readonly #isText: (column: number) => boolean
  #hasOther = false

  /** @param isText whether the bytes of a column are text */
  constructor(sink: RowSink | ResultSink, isText: (column: number) => boolean = () => true) {
    this.#sink = sink
    this.#isText = isText
  }

  take(bytes: Uint8Array, start: number, end: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let at = start; at < end && !this.#hasOther; at += 1 + view.getInt32(at + 1)) this.#look(bytes, view, at + 5)
    this.#sink.take(bytes, start, end)
  }

  complete(columns: readonly Column[] | null, tag: string): void {
    if ('complete' in this.#sink) this.#sink.complete(columns, tag)
  }

  /** @throws NotSupportedError when a result has text beyond ASCII: it cannot be decoded reliably. */
  end(): void {
    if (!this.#hasOther) return
    throw new NotSupportedError(
      'the SQL sets client_encoding, and a later result in it is not ASCII: the SQL has run, and its result is dropped',
      { hint: HINT },
    )
  }

  #look(bytes: Uint8Array, view: DataView, start: number): void {
    const count = view.getInt16(start)
    let at = start + 2
    for (let column = 0; column < count; column += 1) {
      const length = view.getInt32(at)
      at += 4
      if (length <= 0) continue
      if (this.#isText(column) && bytes.subarray(at, at + length).some((byte) => byte > 127)) this.#hasOther = true
      at += length
    }
  }
}
