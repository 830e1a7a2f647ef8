/**
 * Finds the SQL in a JavaScript or TypeScript file: strings and templates that begin like a statement. Each piece has its
 * offset in the file and its original length, so that the position of an error in it gives the position in the file.
 * An escape becomes a blank and its character, and `${…}` becomes a parameter.
 */

/** A piece of SQL and the offset of its first character in the file. */
export interface SqlPiece {
  readonly sql: string
  readonly offset: number
}

const BEGINNING =
  /^\s*(?:--[^\n]*\n\s*)*(?:select\s+\S|(?:insert\s+(?:or\s+\w+\s+)?|replace\s+)into\s+[^\s(]+\s*(?:$|\(|values\b|select\b|default\b|with\b|as\b)|update\s+(?:or\s+\w+\s+)?[\w"[`?.]+\s+set\b|delete\s+from\b|with\s+(?:recursive\s+)?[\w"[`]+\s*(?:\([^)]*\)\s*)?as\b|(?:create|drop)\s+(?:temp\w*\s+|virtual\s+|unique\s+)*(?:table|index|view|trigger)\b|alter\s+table\b|pragma\s+\w|(?:attach|detach)\s+(?:database\s+)?['?]|vacuum\s*(?:;|$|into\b)|reindex\b|begin\s+(?:immediate|exclusive|deferred)\b|explain\s+query\b)/i
/** After one of these, a slash begins a regular expression. */
const BEFORE_PATTERN =
  /(?:^|[(,=:[!&|?{};+\-*%<>~^])$|\b(?:return|typeof|case|in|of|delete|void|throw|new|else|do|await|yield)$/

/** @param source the text of a JavaScript or TypeScript file */
export function sqlInSource(source: string): SqlPiece[] {
  const strings: SqlPiece[] = []
  new Scanner(source, strings).code(0, false)
  return strings.filter(({ sql }) => BEGINNING.test(sql)).toSorted((a, b) => a.offset - b.offset)
}

class Scanner {
  readonly #source: string
  readonly #strings: SqlPiece[]

  constructor(source: string, strings: SqlPiece[]) {
    this.#source = source
    this.#strings = strings
  }

  /** @returns the offset of the end, or of the brace that closes `${`. */
  code(start: number, isInTemplate: boolean): number {
    const source = this.#source
    let depth = 0
    let at = start
    while (at < source.length) {
      const unit = source[at]!
      if (unit === "'" || unit === '"') at = this.#string(at, unit)
      else if (unit === '`') at = this.#template(at)
      else if (unit === '/') at = this.#slash(at)
      else {
        if (unit === '{') depth++
        if (unit === '}' && depth-- === 0 && isInTemplate) return at
        at++
      }
    }
    return at
  }

  #string(start: number, quote: string): number {
    const source = this.#source
    let end = start + 1
    while (end < source.length && source[end] !== quote && source[end] !== '\n') end += source[end] === '\\' ? 2 : 1
    this.#strings.push({ sql: unescaped(source.slice(start + 1, end)), offset: start + 1 })
    return end + 1
  }

  #template(start: number): number {
    const source = this.#source
    let sql = ''
    let at = start + 1
    while (at < source.length && source[at] !== '`') {
      const from = at
      if (source[at] === '\\') {
        at += 2
        sql += unescaped(source.slice(from, at))
      } else if (source.startsWith('${', at)) {
        at = this.code(at + 2, true) + 1
        // The expression may stand for a name, a value or a part of the statement. A parameter is the safest guess.
        sql += '?' + source.slice(from + 1, at).replace(/[^\n]/g, ' ')
      } else {
        sql += source[at]
        at++
      }
    }
    this.#strings.push({ sql, offset: start + 1 })
    return at + 1
  }

  /** Skips a comment or a regular expression; a division is one character. */
  #slash(at: number): number {
    const source = this.#source
    const next = source[at + 1]
    if (next === '/') return endOr(source.indexOf('\n', at), source)
    if (next === '*') return endOr(source.indexOf('*/', at), source) + 2
    if (!BEFORE_PATTERN.test(source.slice(Math.max(0, at - 20), at).trimEnd())) return at + 1
    let isInClass = false
    for (let end = at + 1; end < source.length && source[end] !== '\n'; end++) {
      if (source[end] === '\\') end++
      else if (source[end] === '[') isInClass = true
      else if (source[end] === ']') isInClass = false
      else if (source[end] === '/' && !isInClass) return end + 1
    }
    return at + 1
  }
}

function endOr(found: number, source: string): number {
  return found < 0 ? source.length : found
}

/** Resolves escapes without changing the length: each becomes a blank and its character. */
function unescaped(text: string): string {
  return text.replace(
    /\\([^])/g,
    (_all, unit: string) => ` ${'nrt\n'.includes(unit) ? (unit === '\n' ? '\n' : ' ') : unit}`,
  )
}
