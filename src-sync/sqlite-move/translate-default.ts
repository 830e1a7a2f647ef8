/** Translates the default of a column to PostgreSQL: literals, and the several ways to write the current time. */
import { quoteWrittenNames } from '../sqlite-dialect/written-names.ts'

const UTC = "(now() at time zone 'utc')"
/** The format for to_char, for each kind of time that is stored as text. */
const FORMATS = { datetime: 'YYYY-MM-DD HH24:MI:SS', date: 'YYYY-MM-DD', time: 'HH24:MI:SS' } as const

/** @returns the default as SQL; null for no default. An unknown expression is passed on, and the server may refuse it. */
export function translateDefault(given: string, type: string): string | null {
  const text = withoutParentheses(given.trim())
  if (/^null$/i.test(text)) return null
  if (type === 'boolean' && /^(?:[01]|true|false)$/i.test(text)) return /^(?:1|true)$/i.test(text) ? 'true' : 'false'
  if (/^[-+]?[\d.]+(?:e[-+]?\d+)?$/i.test(text)) return type === 'text' ? `'${text}'` : text
  if (/^x'[\da-f]*'$/i.test(text)) return `'\\x${text.slice(2, -1)}'::bytea`
  if (/^'(?:[^']|'')*'$/.test(text)) return text
  if (/^"[^"]*"$/.test(text)) return `'${text.slice(1, -1).replaceAll("'", "''")}'`
  return clock(text, type) ?? quoteWrittenNames(text, { isForeign: true })
}

function clock(text: string, type: string): string | null {
  const call = text.replace(/\s+/g, '').toLowerCase()
  if (/^(?:cast\()?\(?(?:strftime\('%s'(?:,'now')?\)|unixepoch\((?:'now')?\))(?:as(?:int|integer)\))?\)?$/.test(call)) {
    return `extract(epoch from now())::bigint`
  }
  if (/^strftime\('%y-%m-%dt%h:%m:%fz'(?:,'now')?\)$/.test(call)) {
    return type === 'text' ? `to_char(${UTC}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')` : 'now()'
  }
  const found = /^(?:(datetime|date|time)\((?:'now')?\)|current_(timestamp|date|time))$/.exec(call)
  if (found === null) return null
  const kind = (found[1] ?? found[2]!.replace('timestamp', 'datetime')) as keyof typeof FORMATS
  if (type === 'text') return `to_char(${UTC}, '${FORMATS[kind]}')`
  if (type === 'timestamptz') return 'now()'
  return type === 'timestamp' ? `${UTC}::timestamp(0)` : `${UTC}::${type}`
}

function withoutParentheses(text: string): string {
  if (!text.startsWith('(') || !text.endsWith(')')) return text
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') depth++
    else if (text[at] === ')' && --depth === 0 && at < text.length - 1) return text
  }
  return withoutParentheses(text.slice(1, -1).trim())
}
